import {
  BIDI_STREAM,
  decodeStreamType,
  decodeSubscribe,
  decodeTrackRequest,
  encodeAnnounce,
  encodeFrameHeader,
  encodeSubscribeReply,
  encodeTrackInfo,
  type LiteVersion,
} from "@moq-bridge/moq-wire/lite";
import { settle, VirtualRuntime } from "@moq-bridge/runtime";
import type { SendStream } from "@moq-bridge/transport";
import { beforeEach, describe, expect, it } from "vitest";
import { type RawSession, type RawStream, rawSession } from "./raw-peer.fixture.js";
import { announced, bytes, readGroup } from "./session.fixture.js";

let runtime: VirtualRuntime;
beforeEach(() => {
  runtime = new VirtualRuntime();
});

const OK = { type: "ok", priority: 0, ordered: false, maxLatencyMs: 0 } as const;
const INFO = { priority: 0, ordered: false, latencyMaxMs: 5_000, timescale: 90_000 };

function frame(version: LiteVersion, text: string, timestampDelta = 0n): Uint8Array[] {
  const payload = bytes(text);
  return [encodeFrameHeader(version, { size: payload.byteLength, timestampDelta }), payload];
}

async function type(stream: RawStream): Promise<number> {
  return Number(await stream.read(decodeStreamType));
}

/** Answers TRACK, where there is one, and gives the SUBSCRIBE stream. */
async function subscribeStream(raw: RawSession, version: LiteVersion) {
  let stream = await raw.accept();
  if (version === "lite-05") {
    expect(await type(stream)).toBe(BIDI_STREAM.track);
    await stream.read((cursor) => decodeTrackRequest(version, cursor));
    await stream.stream.send.write(encodeTrackInfo(version, INFO));
    stream.stream.send.finish();
    stream = await raw.accept();
  }
  expect(await type(stream)).toBe(BIDI_STREAM.subscribe);
  const subscribe = await stream.read((cursor) => decodeSubscribe(version, cursor));
  if (!subscribe) throw new Error("no SUBSCRIBE");
  return { ...stream, subscribe };
}

async function finishGroup(stream: SendStream, ...parts: Uint8Array[][]): Promise<void> {
  await stream.write(parts.flat());
  stream.finish();
}

describe("lite-05", () => {
  it("asks for nothing before somebody reads, then for the track and its groups", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const broadcast = await announced(raw.receive, "a");
    expect(broadcast.hops).toEqual([5n, 99n]);
    const reader = broadcast.subscribe("t", { priority: 200 });
    const { subscribe } = await subscribeStream(raw, "lite-05");
    expect(subscribe).toMatchObject({
      broadcast: "a",
      track: "t",
      priority: 200,
      maxLatencyMs: 5_000,
    });
    const stream = await raw.group(subscribe.id, 3);
    await finishGroup(stream, frame("lite-05", "one", 90_000n), frame("lite-05", "two", 45_000n));
    const group = await reader.nextGroup();
    const first = await group?.readFrame();
    const second = await group?.readFrame();
    expect([first?.header.timestampMs, second?.header.timestampMs]).toEqual([1_000, 1_500]);
  });

  it("tells readers why a track is refused", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const refused = expect(reader.nextGroup()).rejects.toMatchObject({
      code: "track_not_found",
      wireCode: 51,
    });
    const stream = await raw.accept();
    stream.stream.send.reset(51);
    await refused;
    expect(raw.session.stats().subscriptionsIn).toBe(0);
  });

  it("takes FIN without END for a failure", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const failed = expect(reader.nextGroup()).rejects.toMatchObject({
      code: "lite_subscription_failed",
    });
    const stream = await subscribeStream(raw, "lite-05");
    stream.stream.send.finish();
    await failed;
  });

  it("ends with END and FIN, after the groups still under way", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const { stream, subscribe } = await subscribeStream(raw, "lite-05");
    const last = await raw.group(subscribe.id, 0);
    await stream.send.write(encodeSubscribeReply("lite-05", { type: "end", group: 1 }));
    stream.send.finish();
    await settle();
    await finishGroup(last, frame("lite-05", "late"));
    expect(await readGroup(reader)).toBe("0: late");
    expect(await reader.nextGroup()).toBeUndefined();
    expect(runtime.pendingTimers).toBe(0);
  });

  it("asks the same source once more when it fails after a group", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const first = await subscribeStream(raw, "lite-05");
    await finishGroup(await raw.group(first.subscribe.id, 0), frame("lite-05", "before"));
    expect(await readGroup(reader)).toBe("0: before");
    first.stream.send.reset(0);
    const second = await raw.accept();
    expect(await type(second)).toBe(BIDI_STREAM.subscribe);
    const again = await second.read((cursor) => decodeSubscribe("lite-05", cursor));
    await finishGroup(await raw.group(again?.id ?? -1, 1), frame("lite-05", "after"));
    expect(await readGroup(reader)).toBe("1: after");
  });

  it("leaves when the last reader does: FIN, and its groups are stopped", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const { stream, subscribe, read } = await subscribeStream(raw, "lite-05");
    const open = await raw.group(subscribe.id, 0);
    await open.write(frame("lite-05", "one"));
    await settle();
    reader.close();
    await runtime.advance(1);
    expect(await read(decodeStreamType)).toBeUndefined();
    expect(await open.stopped).toBe(1);
    expect(await stream.send.stopped).toBe(1);
    const late = await raw.group(subscribe.id, 1);
    expect(await late.stopped).toBe(1);
  });

  it("takes a group that is repeated for the one it has", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const { subscribe } = await subscribeStream(raw, "lite-05");
    await finishGroup(await raw.group(subscribe.id, 0), frame("lite-05", "x"));
    expect(await readGroup(reader)).toBe("0: x");
    await finishGroup(await raw.group(subscribe.id, 0), frame("lite-05", "x"));
    await finishGroup(await raw.group(subscribe.id, 1), frame("lite-05", "y"));
    expect(await readGroup(reader)).toBe("1: y");
  });

  it("hands on the bytes of a frame before it is whole", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const { subscribe } = await subscribeStream(raw, "lite-05");
    const stream = await raw.group(subscribe.id, 0);
    await stream.write(encodeFrameHeader("lite-05", { size: 1_000_000, timestampDelta: 0n }));
    await stream.write(new Uint8Array(10));
    const group = await reader.nextGroup();
    await settle();
    expect(group?.next()).toMatchObject({ type: "frame" });
    expect(group?.next()).toMatchObject({ type: "chunk" });
    stream.reset(2);
    await settle();
    expect(() => group?.next()).toThrow(expect.objectContaining({ code: "group_reset" }));
  });

  it("fails a group that ends inside a frame, and no more than that", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const { subscribe } = await subscribeStream(raw, "lite-05");
    const stream = await raw.group(subscribe.id, 0);
    await stream.write(encodeFrameHeader("lite-05", { size: 5, timestampDelta: 0n }));
    const group = await reader.nextGroup();
    stream.finish();
    await settle();
    expect(group?.next()).toMatchObject({ type: "frame" });
    expect(() => group?.next()).toThrow(expect.objectContaining({ code: "group_malformed" }));
    await finishGroup(await raw.group(subscribe.id, 1), frame("lite-05", "next"));
    expect(await readGroup(reader)).toBe("1: next");
  });
});

describe("lite-04", () => {
  it("holds groups that come before SUBSCRIBE_OK", async () => {
    const raw = await rawSession(runtime, "lite-04");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const { stream, subscribe } = await subscribeStream(raw, "lite-04");
    await finishGroup(await raw.group(subscribe.id, 0), frame("lite-04", "early"));
    await settle();
    await stream.send.write(encodeSubscribeReply("lite-04", OK));
    expect(await readGroup(reader)).toBe("0: early");
  });

  it("holds no more than its bound", async () => {
    const raw = await rawSession(runtime, "lite-04", { heldBytes: 1_000 });
    await raw.announce("a");
    (await announced(raw.receive, "a")).subscribe("t");
    const { subscribe } = await subscribeStream(raw, "lite-04");
    const small = await raw.group(subscribe.id, 0);
    await small.write(new Uint8Array(900));
    const big = await raw.group(subscribe.id, 1);
    await big.write(new Uint8Array(200));
    expect(await big.stopped).toBe(1);
    expect(raw.session.stats().groupsRefused).toBe(1);
  });

  it("ends with FIN alone", async () => {
    const raw = await rawSession(runtime, "lite-04");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const { stream } = await subscribeStream(raw, "lite-04");
    await stream.send.write(encodeSubscribeReply("lite-04", OK));
    stream.send.finish();
    const end = reader.nextGroup();
    await runtime.advance(500);
    expect(await end).toBeUndefined();
  });
});

describe("announcements", () => {
  it("live and end", async () => {
    const raw = await rawSession(runtime, "lite-05");
    const heard = raw.receive.announced();
    await raw.announce("a");
    expect(await heard.next()).toMatchObject({ type: "active", path: "a" });
    const message = { type: "end", target: { suffix: "a" } } as const;
    await raw.announces.stream.send.write(encodeAnnounce("lite-05", message));
    expect(await heard.next()).toMatchObject({ type: "ended", reason: { type: "finished" } });
  });

  it("count as loops when they come back to us", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("mine", [11n]);
    await settle();
    expect(raw.receive.broadcast("mine")).toBeUndefined();
    expect(raw.session.stats()).toMatchObject({ loopsDropped: 1, broadcastsIn: 0 });
  });

  it("skip a path that is too long, or has segments no Origin takes", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announces.stream.send.write(longStart());
    await raw.announce("a/../b");
    await raw.announce("after");
    await announced(raw.receive, "after");
    const stats = raw.session.stats();
    expect(stats.unsupportedMessages).toBe(1);
    expect(stats.broadcastsRefused + stats.broadcastsIn).toBe(2);
  });

  it("are outages when the session is lost, and clean ends never", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const broadcast = await announced(raw.receive, "a");
    raw.peer.close(0, "going away");
    expect(await broadcast.closed).toMatchObject({
      type: "aborted",
      error: { code: "source_lost" },
    });
    expect(await raw.session.closed).toEqual({ by: "peer", code: 0, reason: "going away" });
  });

  it("that ended cleanly, and then lost their session, end what is still read", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const reader = (await announced(raw.receive, "a")).subscribe("t");
    const { subscribe } = await subscribeStream(raw, "lite-05");
    await finishGroup(await raw.group(subscribe.id, 0), frame("lite-05", "x"));
    expect(await readGroup(reader)).toBe("0: x");
    const target = { suffix: "a" };
    await raw.announces.stream.send.write(encodeAnnounce("lite-05", { type: "end", target }));
    await runtime.advance(10);
    raw.peer.close(0, "");
    await runtime.advance(10);
    await expect(Promise.race([reader.nextGroup(), settle()])).rejects.toMatchObject({
      code: "source_lost",
    });
  });

  it("go on after a restart of the same source, and anew after one of an unknown", async () => {
    const raw = await rawSession(runtime, "lite-05");
    const heard = raw.receive.announced();
    await raw.announce("a", [5n]);
    expect((await heard.next())?.type).toBe("active");
    await raw.announce("a", [5n, 6n]);
    await settle();
    expect(heard.tryNext()).toBeUndefined();
    expect(raw.receive.broadcast("a")?.hops).toEqual([5n, 6n, 99n]);
    await raw.announce("a", [8n]);
    expect((await heard.next())?.type).toBe("ended");
    expect((await heard.next())?.type).toBe("active");
    await raw.announce("a", [0n]);
    expect((await heard.next())?.type).toBe("ended");
    expect((await heard.next())?.type).toBe("active");
    await raw.announce("a", [0n]);
    expect((await heard.next())?.type).toBe("ended");
    expect((await heard.next())?.type).toBe("active");
  });

  it("start a new instance when a replayed group has other content", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    const heard = raw.receive.announced();
    const first = await heard.next();
    if (first?.type !== "active") throw new Error("not active");
    const reader = first.broadcast.subscribe("t");
    const { stream, subscribe } = await subscribeStream(raw, "lite-05");
    const open = await raw.group(subscribe.id, 0);
    await open.write(frame("lite-05", "old content"));
    await (await reader.nextGroup())?.readFrame();
    stream.send.reset(0);
    const second = await raw.accept();
    await second.read(decodeStreamType);
    const again = await second.read((cursor) => decodeSubscribe("lite-05", cursor));
    await (await raw.group(again?.id ?? -1, 0)).write(frame("lite-05", "new content"));
    expect((await heard.next())?.type).toBe("ended");
    expect((await heard.next())?.type).toBe("active");
  });
});

/** START with a path of 2,000 bytes: legal, but beyond what is represented. */
function longStart(): Uint8Array {
  const suffix = new Uint8Array(2_000).fill(0x78);
  const length = (value: number) => [0x40 | (value >> 8), value & 255];
  return Uint8Array.from([...length(2_004), 1, ...length(2_000), ...suffix, 0]);
}

describe("a session that ends while an announcement is being read", () => {
  it.each(["lite-03", "lite-05"] as const)("of %s leaves nothing behind", async (version) => {
    for (let turns = 0; turns < 30; turns++) {
      const raw = await rawSession(runtime, version);
      void raw.announce("a").catch(() => undefined);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      raw.session.close();
      await runtime.advance(10);
      expect([raw.receive.broadcast("a"), runtime.pendingTimers]).toEqual([undefined, 0]);
    }
  });
});
