import { connectScriptedIetf, type IetfConnection, type PythonPeer } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { expectCleanOutput, inScene, PATIENCE_MS, startBridged, textOf } from "./fixture.js";

const FROM_CLOUDFLARE = "live/show";
const FROM_RELAY = "room/talk";
const SUBSCRIBE = 0x03;
const NOT_SUPPORTED = 3;
/** Above the 4,096 bytes of draft-14 and, the longer one, the 16 KiB that are read of a moq-lite message. */
const LONG_NAMES = ["n".repeat(5_000), "n".repeat(60_000)];
const LONG_PATHS = ["p".repeat(5_000), "p".repeat(60_000)];

/** SUBSCRIBE for a track's name above what the draft allows, which no encoder of ours writes. */
function sendLongSubscribe(viewer: IetfConnection, path: string, track: string): number {
  const requestId = viewer.takeRequestId();
  const fields = path.split("/");
  const namespace = fields.flatMap((field) => [Buffer.of(field.length), Buffer.from(field)]);
  const nameLength = Buffer.alloc(4);
  nameLength.writeUInt32BE(0x8000_0000 + track.length);
  // Priority, the publisher's order, forward, the largest object, no parameters.
  const rest = Buffer.of(127, 0, 1, 2, 0);
  const head = [Buffer.of(requestId, fields.length), ...namespace, nameLength];
  const payload = Buffer.concat([...head, Buffer.from(track), rest]);
  const frame = Buffer.of(SUBSCRIBE, payload.length >> 8, payload.length & 0xff);
  viewer.sendBytes(Buffer.concat([frame, payload]));
  return requestId;
}

/** A viewer on the relay who asks for a track of this name is told that there is none. */
async function askInVain(viewers: PythonPeer, track: string): Promise<void> {
  const viewer = `of ${track.length}`;
  await viewers.view(viewer, FROM_CLOUDFLARE, track);
  await viewers.events.waitFor(
    (event) => event.event === "track-error" && event.viewer === viewer,
    { what: `the refusal of a name of ${track.length} bytes`, timeoutMs: PATIENCE_MS },
  );
}

test("7. viewers who ask for very long names and publishers of very long paths, behind real relays, cost nobody a session", () =>
  inScene("7 long names", async (scene) => {
    const { relay, ietf, registry, bridge, relayUrl } = await startBridged(scene, "https");
    registry.list(FROM_CLOUDFLARE);
    const cloudflare = await connectScriptedIetf(scene, ietf.url);
    const show = cloudflare.serve(FROM_CLOUDFLARE, "video");
    await cloudflare.publishNamespace(FROM_CLOUDFLARE);
    const [publishers, viewers] = [
      await scene.python("publishers", relayUrl),
      await scene.python("viewers", relayUrl),
    ];
    await publishers.publish("talk", FROM_RELAY, "video");
    await ietf.received("PUBLISH_NAMESPACE", FROM_RELAY, { timeoutMs: PATIENCE_MS });
    await viewers.announced(FROM_CLOUDFLARE, { timeoutMs: PATIENCE_MS });
    await viewers.view("good", FROM_CLOUDFLARE, "video");
    const good = await cloudflare.subscribe(FROM_RELAY, "video", PATIENCE_MS);
    await show.openGroup(1);
    const exchange = async (text: string, count: number) => {
      await show.writeObject(text);
      await publishers.write("talk", text);
      const read = await viewers.framesRead("good", count, { timeoutMs: PATIENCE_MS });
      expect(read.map((frame) => `${frame.group} ${textOf(frame)}`).at(-1)).toBe(`1 ${text}`);
      const seen = await cloudflare.events.waitFor(
        (event) => event.type === "object-end" && event.payload.toString() === text,
        { what: `${text} from the relay`, timeoutMs: PATIENCE_MS },
      );
      expect(seen).toMatchObject({ alias: good?.alias, group: 0 });
    };
    await exchange("before", 1);
    const sessions = (await relay.sessions()).map(({ id }) => id).sort();

    for (const track of LONG_NAMES) {
      await askInVain(viewers, track);
      // moq-relay-ietf says OK before it has asked the publisher.
      const requestId = sendLongSubscribe(cloudflare, FROM_RELAY, track);
      const done = await cloudflare.received("publish_done", (end) => end.requestId === requestId, {
        timeoutMs: PATIENCE_MS,
      });
      expect(done.errorReason).toContain(`code=${NOT_SUPPORTED}`);
    }
    for (const path of LONG_PATHS) {
      await publishers.publish(`at ${path.length}`, path, "video");
      await viewers.announced(path, { timeoutMs: PATIENCE_MS });
    }
    // What is announced after them comes after them.
    await publishers.publish("next", "room/next", "video");
    await ietf.received("PUBLISH_NAMESPACE", "room/next", { timeoutMs: PATIENCE_MS });

    await exchange("after", 2);
    expect((await relay.sessions()).map(({ id }) => id).sort()).toEqual(sessions);
    expect(cloudflare.messages("publish_done")).toHaveLength(LONG_NAMES.length);
    expect(bridge.text).not.toMatch(/session ended|internal error/);
    expectCleanOutput(bridge);
  }));
