import {
  BIDI_STREAM,
  decodeAnnounce,
  decodeAnnounceOk,
  decodeStreamType,
  decodeSubscribeReply,
  decodeTrackInfo,
  encodeAnnounceRequest,
  encodeStreamType,
  encodeSubscribe,
  encodeSubscribeUpdate,
  encodeTrackRequest,
  GroupReader,
  type LiteVersion,
  type Subscribe,
} from "@moq-bridge/moq-wire/lite";
import { MoqError, settle, VirtualRuntime } from "@moq-bridge/runtime";
import type { RecvStream } from "@moq-bridge/transport";
import { beforeEach, describe, expect, it } from "vitest";
import { MessageStream } from "./message-stream.js";
import { type RawSession, type RawStream, rawSession } from "./raw-peer.fixture.js";
import { bytes } from "./session.fixture.js";

let runtime: VirtualRuntime;
beforeEach(() => {
  runtime = new VirtualRuntime();
});

const OPTIONS = { priority: 1, ordered: false, maxLatencyMs: 0 };

function subscribe(
  raw: RawSession,
  version: LiteVersion,
  message: Partial<Subscribe> = {},
): Promise<RawStream> {
  const full = { id: 4, broadcast: "a", track: "t", ...OPTIONS, ...message };
  return raw.open(encodeStreamType(BIDI_STREAM.subscribe), encodeSubscribe(version, full));
}

const reply = (stream: RawStream, version: LiteVersion) =>
  stream.read((cursor) => decodeSubscribeReply(version, cursor));

/** A group stream as the peer receives it. */
class RawGroup {
  readonly recv: RecvStream;
  readonly #reader: GroupReader;
  #pending: Uint8Array;

  private constructor(recv: RecvStream, version: LiteVersion, rest: Uint8Array) {
    this.recv = recv;
    this.#reader = new GroupReader(version);
    this.#pending = rest;
  }

  static async accept(raw: RawSession, version: LiteVersion): Promise<RawGroup> {
    for (;;) {
      const recv = await raw.peer.acceptUni();
      if (!recv) throw new Error("the session ended");
      const messages = new MessageStream(recv);
      const type = await messages.next(decodeStreamType);
      if (type === 0n) return new RawGroup(recv, version, messages.rest());
    }
  }

  /** What arrives up to the end or the first `count` events. */
  async events(count = Number.POSITIVE_INFINITY): Promise<string[]> {
    const all: string[] = [];
    this.#reader.push(this.#pending);
    for (;;) {
      for (let event = this.#reader.next(); event; event = this.#reader.next()) {
        if (event.type === "header") all.push(`group ${event.header.sequence}`);
        else if (event.type === "frame")
          all.push(`frame ${event.size} at ${event.timestamp ?? "-"}`);
        else all.push(Buffer.from(event.bytes).toString());
        if (all.length === count) return all;
      }
      const chunk = await this.recv.read();
      if (!chunk) return [...all, "fin"];
      this.#reader.push(chunk);
    }
  }
}

describe("announcing", () => {
  async function request(raw: RawSession, version: LiteVersion, prefix = "", excludeHop = 0n) {
    return raw.open(
      encodeStreamType(BIDI_STREAM.announce),
      encodeAnnounceRequest(version, { prefix, excludeHop }),
    );
  }

  it("answers with what is live under the prefix, and goes on", async () => {
    const raw = await rawSession(runtime, "lite-05");
    raw.publish.createBroadcast("room/a", { hops: [5n] });
    raw.publish.createBroadcast("elsewhere");
    const stream = await request(raw, "lite-05", "room");
    const ok = await stream.read((cursor) => decodeAnnounceOk("lite-05", cursor));
    expect(ok).toEqual({ originId: 11n, activeCount: 1 });
    const next = () => stream.read((cursor) => decodeAnnounce("lite-05", cursor));
    expect(await next()).toEqual({ type: "start", suffix: "a", hops: [5n] });
    const later = raw.publish.createBroadcast("room/b", { hops: [6n] });
    expect(await next()).toMatchObject({ type: "start", suffix: "b" });
    expect(raw.session.stats().broadcastsOut).toBe(2);
    later.finish();
    expect(await next()).toMatchObject({ type: "end", target: { suffix: "b" } });
  });

  it("hides what the peer named, and what carries the peer's id", async () => {
    const raw = await rawSession(runtime, "lite-05");
    raw.publish.createBroadcast("named", { hops: [77n] });
    raw.publish.createBroadcast("own", { hops: [99n] });
    raw.publish.createBroadcast("other", { hops: [5n] });
    const stream = await request(raw, "lite-05", "", 77n);
    await stream.read((cursor) => decodeAnnounceOk("lite-05", cursor));
    const first = await stream.read((cursor) => decodeAnnounce("lite-05", cursor));
    expect(first).toMatchObject({ suffix: "other" });
    await settle();
    expect(raw.session.stats().broadcastsOut).toBe(1);
  });

  it("ends the stream with FIN, never with a reset, when the peer leaves it", async () => {
    const raw = await rawSession(runtime, "lite-05");
    for (const leave of ["finish", "reset"] as const) {
      const stream = await request(raw, "lite-05");
      await stream.read((cursor) => decodeAnnounceOk("lite-05", cursor));
      if (leave === "finish") stream.stream.send.finish();
      else stream.stream.send.reset(1);
      expect(await stream.read((cursor) => decodeAnnounce("lite-05", cursor))).toBeUndefined();
    }
    expect(raw.session.stats().broadcastsOut).toBe(0);
  });
});

describe("tracks", () => {
  it("answers TRACK at once, without asking anybody", async () => {
    const raw = await rawSession(runtime, "lite-05");
    const asked: string[] = [];
    raw.publish.createBroadcast("a", { onTrack: (request) => asked.push(request.name) });
    const stream = await raw.open(
      encodeStreamType(BIDI_STREAM.track),
      encodeTrackRequest("lite-05", { broadcast: "a", track: "t" }),
    );
    const info = await stream.read((cursor) => decodeTrackInfo("lite-05", cursor));
    expect(info).toMatchObject({ timescale: 1000, latencyMaxMs: 5000 });
    expect(asked).toEqual([]);
  });

  it("resets TRACK and SUBSCRIBE for what is not announced, below an announced path too", async () => {
    const raw = await rawSession(runtime, "lite-05");
    raw.publish.createBroadcast("a");
    const track = await raw.open(
      encodeStreamType(BIDI_STREAM.track),
      encodeTrackRequest("lite-05", { broadcast: "a/below", track: "t" }),
    );
    await expect(track.read(decodeStreamType)).rejects.toMatchObject({ wireCode: 54 });
    const missing = await subscribe(raw, "lite-05", { broadcast: "b" });
    await expect(reply(missing, "lite-05")).rejects.toMatchObject({ wireCode: 54 });
  });

  it("resets SUBSCRIBE for a track nobody has", async () => {
    const raw = await rawSession(runtime, "lite-05");
    raw.publish.createBroadcast("a");
    const stream = await subscribe(raw, "lite-05");
    await expect(reply(stream, "lite-05")).rejects.toMatchObject({ wireCode: 51 });
    await settle();
    expect(raw.session.stats().subscriptionsOut).toBe(0);
  });

  it("sends START, live frames with the time of their arrival, END and FIN", async () => {
    const raw = await rawSession(runtime, "lite-05");
    const track = raw.publish.createBroadcast("a").createTrack("t");
    const stream = await subscribe(raw, "lite-05");
    const group = track.appendGroup();
    group.writeFrame(bytes("one"));
    expect(await reply(stream, "lite-05")).toEqual({ type: "start", group: 0 });
    const received = await RawGroup.accept(raw, "lite-05");
    const all = received.events();
    await runtime.advance(40);
    group.writeFrame(bytes("two"));
    await runtime.advance(1);
    group.writeFrame(bytes("three"), 1_000.4);
    group.finish();
    expect(await all).toEqual([
      "group 0",
      "frame 3 at 0",
      "one",
      "frame 3 at 40",
      "two",
      "frame 5 at 1000",
      "three",
      "fin",
    ]);
    track.finish();
    expect(await reply(stream, "lite-05")).toEqual({ type: "end", group: 1 });
    expect(await reply(stream, "lite-05")).toBeUndefined();
    expect(runtime.pendingTimers).toBe(0);
  });

  it("sends the first bytes of a big frame before the last arrive", async () => {
    const raw = await rawSession(runtime, "lite-05");
    const track = raw.publish.createBroadcast("a").createTrack("t");
    await subscribe(raw, "lite-05");
    const group = track.appendGroup();
    group.beginFrame({ size: 4_000_000 });
    group.writeChunk(bytes("begin"));
    const received = await RawGroup.accept(raw, "lite-05");
    expect(await received.events(3)).toEqual(["group 0", "frame 4000000 at 0", "begin"]);
  });

  it("up to lite-04 sends OK when somebody fills the track", async () => {
    const raw = await rawSession(runtime, "lite-04");
    const requests: (() => void)[] = [];
    raw.publish.createBroadcast("a", {
      onTrack: (request) =>
        requests.push(() => request.accept({ priority: 0, maxLatencyMs: 0 }).finish()),
    });
    const stream = await subscribe(raw, "lite-04");
    await settle();
    for (const accept of requests) accept();
    expect(await reply(stream, "lite-04")).toMatchObject({ type: "ok", priority: 1 });
    expect(await reply(stream, "lite-04")).toBeUndefined();
  });

  it("passes a failed track on as a reset", async () => {
    const raw = await rawSession(runtime, "lite-05");
    const track = raw.publish.createBroadcast("a").createTrack("t");
    const stream = await subscribe(raw, "lite-05");
    const group = track.appendGroup();
    group.writeFrame(bytes("x"));
    const received = await RawGroup.accept(raw, "lite-05");
    await received.events(3);
    track.abort(new MoqError("source_lost", "gone", { scope: "subscription" }));
    await expect(received.recv.read()).rejects.toMatchObject({ wireCode: 3 });
    await expect(async () => {
      while (await reply(stream, "lite-05"));
    }).rejects.toMatchObject({ wireCode: 3 });
  });

  it("stops serving when the peer leaves, by FIN or reset", async () => {
    for (const leave of ["finish", "reset"] as const) {
      const raw = await rawSession(runtime, "lite-05");
      const track = raw.publish.createBroadcast("a").createTrack("t");
      const stream = await subscribe(raw, "lite-05");
      track.appendGroup().writeFrame(bytes("x"));
      const received = await RawGroup.accept(raw, "lite-05");
      await received.events(3);
      if (leave === "finish") stream.stream.send.finish();
      else stream.stream.send.reset(1);
      await expect(received.recv.read()).rejects.toMatchObject({ wireCode: 1 });
      await settle();
      expect(raw.session.stats().subscriptionsOut).toBe(0);
      expect(track.demand).toBeDefined();
      await runtime.advance(5_000);
      expect(track.demand).toBeUndefined();
    }
  });

  it("passes SUBSCRIBE_UPDATE on, and holds groups beyond the end", async () => {
    const raw = await rawSession(runtime, "lite-05");
    const track = raw.publish.createBroadcast("a").createTrack("t");
    const stream = await subscribe(raw, "lite-05", { endGroup: 0 });
    for (const text of ["zero", "one", "two"]) {
      const group = track.appendGroup();
      group.writeFrame(bytes(text));
      group.finish();
      await settle();
    }
    const first = await RawGroup.accept(raw, "lite-05");
    expect((await first.events())[0]).toBe("group 0");
    expect(raw.session.stats().groupsOut).toBe(1);
    const update = encodeSubscribeUpdate("lite-05", { ...OPTIONS, priority: 200 });
    await stream.stream.send.write(update);
    const next = await RawGroup.accept(raw, "lite-05");
    expect((await next.events())[0]).toBe("group 2");
    expect(track.demand?.priority).toBe(200);
  });
});

describe("a reader that is too far behind", () => {
  it("has its oldest stream reset and goes on with the newest group", async () => {
    const raw = await rawSession(runtime, "lite-05", { windowBytes: 1_000 });
    const track = raw.publish.createBroadcast("a").createTrack("t");
    await subscribe(raw, "lite-05");
    await settle();
    const unread: RawGroup[] = [];
    for (let sequence = 0; sequence < 6; sequence++) {
      const group = track.appendGroup();
      group.writeFrame(new Uint8Array(5_000));
      group.finish();
      if (sequence < 2) unread.push(await RawGroup.accept(raw, "lite-05"));
      await runtime.advance(300);
    }
    const [first, second] = unread;
    await expect(first?.recv.read()).rejects.toMatchObject({ wireCode: 5 });
    await runtime.advance(2_000);
    await expect(second?.recv.read()).rejects.toMatchObject({ wireCode: 5 });
    const arrived: string[] = [];
    while (arrived.length < 2) {
      const group = await RawGroup.accept(raw, "lite-05");
      const [header] = await group.events(1);
      arrived.push(header ?? "");
    }
    expect(arrived.at(-1)).toBe("group 5");
    expect(raw.session.stats()).toMatchObject({ groupsBehind: 2, subscriptionsOut: 1 });
    expect(raw.session.stats().groupsSkipped).toBeGreaterThan(0);
  });

  it("is not one that gets a burst", async () => {
    const raw = await rawSession(runtime, "lite-05", { windowBytes: 1_000 });
    const track = raw.publish.createBroadcast("a").createTrack("t");
    await subscribe(raw, "lite-05");
    await settle();
    for (let sequence = 0; sequence < 6; sequence++) {
      const group = track.appendGroup();
      group.writeFrame(new Uint8Array(5_000));
      group.finish();
    }
    const received: string[] = [];
    for (let count = 0; count < 6; count++) {
      const group = await RawGroup.accept(raw, "lite-05");
      const events = await group.events();
      expect(events.at(-1)).toBe("fin");
      received.push(events[0] ?? "");
    }
    expect(received).toEqual([0, 1, 2, 3, 4, 5].map((sequence) => `group ${sequence}`));
    expect(raw.session.stats().groupsBehind).toBe(0);
  });

  it("costs others nothing", async () => {
    const raw = await rawSession(runtime, "lite-05", { windowBytes: 1_000 });
    const slow = raw.publish.createBroadcast("slow").createTrack("t");
    const fast = raw.publish.createBroadcast("fast").createTrack("t");
    await subscribe(raw, "lite-05", { id: 1, broadcast: "slow" });
    const group = slow.appendGroup();
    group.writeFrame(new Uint8Array(50_000));
    await RawGroup.accept(raw, "lite-05");
    await subscribe(raw, "lite-05", { id: 2, broadcast: "fast" });
    const other = fast.appendGroup();
    other.writeFrame(bytes("quick"));
    other.finish();
    expect(await (await RawGroup.accept(raw, "lite-05")).events()).toContain("quick");
  });
});
