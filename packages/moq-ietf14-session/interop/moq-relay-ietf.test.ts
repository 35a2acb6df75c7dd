import { createHash } from "node:crypto";
import { Origin, type TrackProducer } from "@moq-bridge/origin";
import { MoqError, systemRuntime } from "@moq-bridge/runtime";
import { connectNative } from "@moq-bridge/transport";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { IetfRelay } from "../../testing/src/ietf-relay.js";
// By path: as a dependency it would depend on itself, for that package needs this one.
import { Scene } from "../../testing/src/scene.js";
import { eventually, within } from "../../testing/src/wait.js";
import {
  cloudflare,
  connectIetf14,
  IETF14_PROTOCOLS,
  type Ietf14Session,
  type PeerProfile,
  type Subscription,
} from "../src/index.js";

const SOON = 5_000;
const runtime = systemRuntime;

let scene: Scene;
let relay: IetfRelay;

beforeEach(async (context) => {
  scene = await Scene.create(`moq-ietf14-session ${context.task.name}`);
  relay = await scene.ietfRelay();
});

afterEach(async () => {
  await scene.end();
});

async function connect(profile: PeerProfile = cloudflare): Promise<Ietf14Session> {
  const transport = await connectNative(relay.url, {
    protocols: IETF14_PROTOCOLS,
    tls: { ca: scene.certificate.ca },
    timeoutMs: SOON,
  });
  const session = await connectIetf14(transport, { runtime, profile });
  scene.onEnd(async () => session.close());
  return session;
}

/** Publishes one track of one broadcast. */
async function publish(
  session: Ietf14Session,
  path: string,
  name: string,
): Promise<{ track: TrackProducer; withdraw: () => void; ended: Promise<unknown> }> {
  const origin = new Origin({ runtime });
  const track = origin.createBroadcast(path).createTrack(name);
  const broadcast = origin.broadcast(path);
  if (!broadcast) throw new Error("nothing is announced");
  const publication = session.publishNamespace(path, broadcast);
  await soon(publication.accepted, "PUBLISH_NAMESPACE_OK");
  return { track, withdraw: () => publication.withdraw(), ended: publication.ended };
}

/** Reads a track into `group: frame frame`, large frames as their SHA-256, `!` for groups that broke off. */
function collect(subscription: Subscription): { groups: string[]; track: TrackProducer } {
  const origin = new Origin({ runtime });
  const track = origin.createBroadcast("in").createTrack("track");
  const reader = origin.broadcast("in")?.subscribe("track");
  const groups: string[] = [];
  const read = async () => {
    for (let group = await reader?.nextGroup(); group; group = await reader?.nextGroup()) {
      const index = groups.push(`${group.sequence}:`) - 1;
      const add = (more: string) => {
        groups[index] += more;
      };
      const current = group;
      const readFrames = async () => {
        for (let f = await current.readFrame(); f; f = await current.readFrame()) {
          add(f.payload.byteLength > 100 ? ` ${sha256(f.payload)}` : ` ${text(f.payload)}`);
        }
        add(".");
      };
      void readFrames().catch(() => add("!"));
    }
  };
  void read();
  subscription.fill(track);
  return { groups, track };
}

function text(payload: Uint8Array): string {
  return Buffer.from(payload).toString();
}

function sha256(payload: Uint8Array): string {
  return createHash("sha256").update(payload).digest("hex");
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  return within(promise, { what, timeoutMs: SOON });
}

function until(what: string, check: () => boolean): Promise<unknown> {
  return eventually(() => (check() ? true : undefined), { what, timeoutMs: SOON });
}

async function refusal(promise: Promise<unknown>): Promise<MoqError> {
  const outcome = await soon(
    promise.catch((error: unknown) => error),
    "a refusal",
  );
  if (outcome instanceof MoqError) return outcome;
  throw new Error("it was accepted");
}

describe("interop | our client | moq-relay-ietf 0.7.19 | moq-00 | WebTransport", () => {
  it("reads a real publisher", async () => {
    const clock = await scene.clock({ url: relay.url, namespace: "clock/one", publish: true });
    await clock.ticks.waitFor(() => true, { what: "a tick", timeoutMs: SOON });
    const session = await connect();
    const subscription = session.subscribe("clock/one", "now");
    await soon(subscription.accepted, "SUBSCRIBE_OK");
    const { groups } = collect(subscription);
    await until("three objects", () => (groups.at(-1)?.split(" ").length ?? 0) >= 5);
    expect(groups.at(-1)).toMatch(/^\d+: \d{4}-\d\d-\d\d \d\d:\d\d: \d\d \d\d/);
  });

  it("reads a real publisher of datagrams", async () => {
    const publish = { url: relay.url, namespace: "clock/dgram", publish: true, datagrams: true };
    const clock = await scene.clock(publish);
    await relay.publishes("clock/dgram");
    const session = await connect();
    const subscription = session.subscribe("clock/dgram", "now");
    await soon(subscription.accepted, "SUBSCRIBE_OK");
    const { groups } = collect(subscription);
    await until("three objects", () => groups.length >= 4);
    const published = clock.ticks.all();
    for (const group of groups.slice(0, 3)) {
      expect(published).toContain(group.replace(/^\d+: /, "").replace(/\.$/, ""));
    }
    expect(session.stats().datagramsReceived).toBeGreaterThanOrEqual(4);
  });

  it("is read by a real subscriber", async () => {
    const session = await connect();
    const { track } = await publish(session, "clock/two", "now");
    const group = track.openGroup(5);
    group?.writeFrame(bytes("2026-01-01 00:00:"));
    group?.writeFrame(bytes("01"));
    const clock = await scene.clock({ url: relay.url, namespace: "clock/two" });
    await clock.ticks.waitFor((tick) => tick === "2026-01-01 00:00:01", {
      what: "the first object",
      timeoutMs: SOON,
    });
    group?.writeFrame(bytes("02"));
    await clock.ticks.waitFor((tick) => tick === "2026-01-01 00:00:02", {
      what: "the second object",
      timeoutMs: SOON,
    });
  });

  it("carries every group between two of our own sessions, large ones too", async () => {
    const { track } = await publish(await connect(), "own/stream", "video");
    const viewer = await connect();
    const subscription = viewer.subscribe("own/stream", "video");
    await soon(subscription.accepted, "SUBSCRIBE_OK");
    const { groups } = collect(subscription);
    const expected: string[] = [];
    for (let sequence = 10; sequence < 40; sequence++) {
      const large = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7 + sequence) & 255);
      const group = track.openGroup(sequence);
      group?.writeFrame(bytes("key"));
      group?.writeFrame(large);
      group?.writeFrame(bytes(""));
      group?.finish();
      expected.push(`${sequence}: key ${sha256(large)} .`);
      // One after the other: the relay passes over groups that come in a burst.
      await until(`group ${sequence}`, () => groups.at(-1) === expected.at(-1));
    }
    expect(groups).toEqual(expected);
  });

  it("gives a viewer who joins mid-group that group from its first object", async () => {
    const { track } = await publish(await connect(), "own/join", "video");
    const first = (await connect()).subscribe("own/join", "video");
    await soon(first.accepted, "SUBSCRIBE_OK");
    const early = collect(first);
    const group = track.openGroup(3);
    group?.writeFrame(bytes("a"));
    await until("the early viewer's object", () => early.groups[0] === "3: a");
    const second = (await connect()).subscribe("own/join", "video");
    await soon(second.accepted, "SUBSCRIBE_OK");
    const late = collect(second);
    await until("the late viewer's object", () => late.groups[0] === "3: a");
    group?.writeFrame(bytes("b"));
    group?.finish();
    await until("the end", () => early.groups[0] === "3: a b." && late.groups[0] === "3: a b.");
  });

  it("hears that a namespace is not there, and of a track that is refused", async () => {
    const session = await connect();
    const unknown = session.subscribe("no/such", "video");
    expect(await refusal(unknown.accepted)).toMatchObject({ wireCode: 4 });
    await publish(await connect(), "own/refuses", "video");
    const refused = session.subscribe("own/refuses", "audio");
    await soon(refused.accepted, "SUBSCRIBE_OK");
    expect(await soon(refused.done, "PUBLISH_DONE")).toMatchObject({ type: "done", status: 4 });
  });

  it("learns that a name is taken, and gets it once it is free", async () => {
    const holder = await connect();
    const held = await publish(holder, "own/name", "video");
    const second = await connect();
    const origin = new Origin({ runtime });
    const broadcast = origin.request("own/name");
    expect(await refusal(second.publishNamespace("own/name", broadcast).accepted)).toMatchObject({
      code: "request_refused",
    });
    held.withdraw();
    expect(await soon(held.ended, "the CANCEL")).toEqual({ type: "withdrawn" });
    // Published again at once: the session lets the name rest first.
    await soon(second.publishNamespace("own/name", broadcast).accepted, "PUBLISH_NAMESPACE_OK");
  });

  it("withdraws a name and publishes it again, again and again", async () => {
    const session = await connect();
    const viewer = await connect();
    for (let round = 0; round < 3; round++) {
      const { track, withdraw } = await publish(session, "own/again", "video");
      const group = track.openGroup(round);
      group?.writeFrame(bytes(`round ${round}`));
      const subscription = viewer.subscribe("own/again", "video");
      await soon(subscription.accepted, "SUBSCRIBE_OK");
      const { groups } = collect(subscription);
      await until(`round ${round}`, () => groups[0] === `${round}: round ${round}`);
      subscription.unsubscribe();
      withdraw();
    }
  });

  it("makes more requests than the relay grants", async () => {
    const session = await connect();
    const origin = new Origin({ runtime });
    const names = Array.from({ length: 120 }, (_, index) => `many/${index}`);
    const accepted = names.map(
      (name) => session.publishNamespace(name, origin.request(name)).accepted,
    );
    await soon(Promise.all(accepted), "120 PUBLISH_NAMESPACE_OK");
    expect(session.stats().requestsSent).toBe(120);
  });

  it("tells viewers at once when their publisher leaves", async () => {
    const publisher = await connect();
    const { track } = await publish(publisher, "own/leaves", "video");
    const subscription = (await connect()).subscribe("own/leaves", "video");
    await soon(subscription.accepted, "SUBSCRIBE_OK");
    const { groups } = collect(subscription);
    track.openGroup(1)?.writeFrame(bytes("x"));
    await until("the object", () => groups[0] === "1: x");
    publisher.close();
    expect(await soon(subscription.done, "PUBLISH_DONE")).toMatchObject({ type: "done" });
  });

  it("notices a relay that is gone without a word", async () => {
    const session = await connect();
    const subscription = session.subscribe("own/gone", "video");
    await refusal(subscription.accepted);
    await relay.kill();
    const end = await within(session.closed, { what: "the end", timeoutMs: 15_000 });
    expect(end).toMatchObject({ by: "transport", error: { code: "connection_lost" } });
  });

  it("closes a session that the relay left half dead", async () => {
    // A message the profile forbids for good reason: the relay ends the control stream, no more.
    const sends = new Set([...cloudflare.sends, "goaway" as const]);
    const session = await connect({ ...cloudflare, sends });
    session.sendGoaway();
    expect(await soon(session.closed, "the end")).toMatchObject({
      by: "peer",
      error: { code: "control_stream_ended" },
    });
  });
});
