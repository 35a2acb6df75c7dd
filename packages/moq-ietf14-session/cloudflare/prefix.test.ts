import { Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { IetfRelay } from "../../testing/src/ietf-relay.js";
import { Scene } from "../../testing/src/scene.js";
import type { IetfConnection } from "../../testing/src/scripted/ietf-connection.js";
import { connectScriptedIetf } from "../../testing/src/scripted/ietf-server.js";
import { elapse, within } from "../../testing/src/wait.js";
import { connectTo } from "../interop/relay.fixture.js";

const SOON = { timeoutMs: 5_000 };

let scene: Scene;
let relay: IetfRelay;

beforeEach(async (context) => {
  scene = await Scene.create(`moq-ietf14-session ${context.task.name}`);
  relay = await scene.ietfRelay();
});

afterEach(async () => {
  await scene.end();
});

function connect(): Promise<IetfConnection> {
  return connectScriptedIetf(scene, relay.url);
}

/** Serves one open group with one object, which is the text. */
async function serve(publisher: IetfConnection, path: string, content: string): Promise<void> {
  const source = publisher.serve(path, "t");
  await source.openGroup(1);
  await source.writeObject(content);
}

/** Subscribes and gives the first object, or how the subscription ended instead. */
async function read(viewer: IetfConnection, path: string): Promise<string> {
  const requestId = viewer.sendSubscribe(path, "t");
  const event = await viewer.events.waitFor(
    (seen) =>
      (seen.type === "object-end" && seen.alias === requestId) ||
      (seen.type === "received" &&
        (seen.message.type === "subscribe_error" || seen.message.type === "publish_done") &&
        seen.message.requestId === requestId),
    { what: `an object of ${path} or the end`, ...SOON },
  );
  if (event.type === "object-end") return event.payload.toString();
  if (event.type !== "received") throw new Error("not a message");
  const { message } = event;
  if (message.type === "subscribe_error") return `SUBSCRIBE_ERROR ${message.errorCode}`;
  return message.type === "publish_done" ? `PUBLISH_DONE ${message.statusCode}` : message.type;
}

/** The names that were asked of a publisher. */
function asked(publisher: IetfConnection): string[] {
  return publisher.messages("subscribe").map((message) => message.trackNamespace.join("/"));
}

describe("moq-relay-ietf and the publisher of a prefix", () => {
  it("asks it for names below, whole, as many as viewers want, for one request", async () => {
    const bridge = await connect();
    await bridge.publishNamespace("live");
    const names = Array.from({ length: 60 }, (_, index) => `live/region/${index}`);
    for (const name of names) await serve(bridge, name, `of ${name}`);
    const viewer = await connect();
    for (const name of names) expect(await read(viewer, name)).toBe(`of ${name}`);
    expect(asked(bridge)).toEqual(names);
    expect(await read(viewer, "elsewhere/0")).toBe("SUBSCRIBE_ERROR 4");
  });

  it("is served by our session from what is below, with the plain answers for what is not", async () => {
    const session = await connectTo(scene, relay.url);
    const origin = new Origin({ runtime });
    const paths = Array.from({ length: 60 }, (_, index) => `live/region/${index}`);
    for (const path of paths) {
      const group = origin.createBroadcast(path).createTrack("t").openGroup(1);
      group?.writeFrame(Buffer.from(`of ${path}`));
    }
    const { accepted } = session.publishPrefix("live", (path) => origin.broadcast(path));
    await within(accepted, { what: "PUBLISH_NAMESPACE_OK", timeoutMs: 5_000 });
    const viewer = await connect();
    for (const path of paths) expect(await read(viewer, path)).toBe(`of ${path}`);
    expect(session.stats()).toMatchObject({ requestsSent: 1, servedSubscriptions: 60 });
    expect(await read(viewer, "live/none")).toBe("PUBLISH_DONE 4");
    expect(await read(viewer, "elsewhere")).toBe("SUBSCRIBE_ERROR 4");
  });

  it("takes a longer name from somebody else, and prefers it", async () => {
    const bridge = await connect();
    await bridge.publishNamespace("live");
    await serve(bridge, "live/y", "of the prefix");
    const chrome = await connect();
    await chrome.publishNamespace("live/y");
    await serve(chrome, "live/y", "of the name");
    expect(await read(await connect(), "live/y")).toBe("of the name");
    expect(asked(bridge)).toEqual([]);
    chrome.close();
    await elapse(500);
    expect(await read(await connect(), "live/y")).toBe("of the prefix");
  });

  it("leaves viewers of the prefix where they are when the longer name comes", async () => {
    const bridge = await connect();
    await bridge.publishNamespace("live");
    const source = bridge.serve("live/y", "t");
    await source.openGroup(1);
    await source.writeObject("first");
    const viewer = await connect();
    expect(await read(viewer, "live/y")).toBe("first");
    const chrome = await connect();
    await chrome.publishNamespace("live/y");
    await serve(chrome, "live/y", "of the name");
    await source.writeObject("second");
    await viewer.events.waitFor(
      (seen) => seen.type === "object-end" && seen.payload.toString() === "second",
      { what: "the prefix's next object", ...SOON },
    );
    expect(viewer.messages("publish_done")).toEqual([]);
    expect(await read(await connect(), "live/y")).toBe("of the name");
  });

  it("answers for names that are not there with OK and PUBLISH_DONE, no longer with an error", async () => {
    const bridge = await connect();
    await bridge.publishNamespace("live");
    const viewer = await connect();
    expect(await read(viewer, "live/none")).toBe("PUBLISH_DONE 4");
    expect(viewer.messages("subscribe_ok")).toHaveLength(1);
  });

  it("gives the prefix to one session only", async () => {
    const bridge = await connect();
    await bridge.publishNamespace("live");
    const second = await connect();
    const requestId = second.takeRequestId();
    second.send({
      type: "publish_namespace",
      requestId,
      trackNamespace: ["live"],
      parameters: [],
    });
    const error = await second.received("publish_namespace_error", () => true, SOON);
    expect(error).toMatchObject({ requestId, errorCode: 0, errorReason: "done" });
    await second.publishNamespace("live/z");
  });

  it("ends what is below when the prefix is withdrawn, but not others' names", async () => {
    const bridge = await connect();
    await bridge.publishNamespace("live");
    await serve(bridge, "live/x", "below");
    const chrome = await connect();
    await chrome.publishNamespace("live/y");
    await serve(chrome, "live/y", "of the name");
    const viewer = await connect();
    expect(await read(viewer, "live/x")).toBe("below");
    expect(await read(viewer, "live/y")).toBe("of the name");
    bridge.close();
    await viewer.received("publish_done", (done) => done.requestId === 0, SOON);
    await elapse(500);
    expect(viewer.messages("publish_done")).toHaveLength(1);
    expect(await read(await connect(), "live/x")).toBe("SUBSCRIBE_ERROR 4");
  });
});
