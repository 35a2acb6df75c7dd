import { VirtualRuntime } from "@moq-bridge/runtime";
import { memoryPair, type SendStream } from "@moq-bridge/transport";
import { describe, expect, it } from "vitest";
import { newCounters } from "../stats.js";
import { StreamOpener } from "./stream-opener.js";

const TIMEOUT_MS = 5_000;

interface Opening {
  stream?: SendStream;
  code?: string;
}

/** An opener whose peer admits `admitted` streams, of which it uses `limit`. */
function opening(limit: number, admitted = 100) {
  const runtime = new VirtualRuntime();
  const { client, server } = memoryPair({ runtime, maxUniStreams: admitted });
  const counters = newCounters();
  const opener = new StreamOpener({
    transport: client,
    runtime,
    counters,
    limit,
    timeoutMs: TIMEOUT_MS,
  });
  const open = (signal = new AbortController().signal): Opening => {
    const opened: Opening = {};
    opener.open(signal).then(
      (stream) => {
        opened.stream = stream;
      },
      (error: { code: string }) => {
        opened.code = error.code;
      },
    );
    return opened;
  };
  /** The peer takes one stream whole. */
  const take = async () => {
    const stream = await server.acceptUni();
    while (await stream?.read());
  };
  return { runtime, counters, opener, open, take, client };
}

describe("opening a stream", () => {
  it("waits until the peer has one whole when all are taken", async () => {
    const { runtime, counters, open, take } = opening(1);
    const first = open();
    const second = open();
    await runtime.advance(TIMEOUT_MS - 1);
    expect(second).toEqual({});
    first.stream?.finish();
    void take();
    await runtime.advance(0);
    expect(second.stream).toBeDefined();
    expect(counters.openSendStreams).toBe(1);
    expect(counters.streamOpenTimeouts).toBe(0);
  });

  it.each([
    ["our own limit", 1, 100],
    ["the peer's", 100, 1],
  ])("fails in time when %s stays reached", async (_, limit, admitted) => {
    const { runtime, counters, open } = opening(limit, admitted);
    open();
    const second = open();
    await runtime.advance(TIMEOUT_MS - 1);
    expect(second).toEqual({});
    await runtime.advance(1);
    expect(second).toEqual({ code: "stream_open_timeout" });
    expect(counters.streamOpenTimeouts).toBe(1);
  });

  it("that came too late leaves nothing behind", async () => {
    const { runtime, counters, open, take } = opening(100, 1);
    const first = open();
    const second = open();
    await runtime.advance(TIMEOUT_MS);
    expect(second.code).toBe("stream_open_timeout");
    first.stream?.finish();
    void take();
    await runtime.advance(0);
    expect(counters.openSendStreams).toBe(0);
    expect(open().stream ?? open()).toBeDefined();
  });

  it("is given up with its signal, and its place in line too", async () => {
    const { runtime, open, take } = opening(1);
    const first = open();
    const controller = new AbortController();
    const second = open(controller.signal);
    const third = open();
    controller.abort();
    await runtime.advance(0);
    expect(second).toEqual({ code: "unsubscribed" });
    first.stream?.finish();
    void take();
    await runtime.advance(0);
    expect(third.stream).toBeDefined();
  });

  it("fails when the session ends", async () => {
    const { runtime, open, client } = opening(100, 1);
    open();
    const second = open();
    client.close(0, "");
    await runtime.advance(0);
    expect(second).toEqual({ code: "session_closed" });
  });

  it("calls lent slots back, the oldest first, one for each who waits", async () => {
    const { runtime, opener, open, take } = opening(3);
    const held = [open(), open(), open()];
    await runtime.advance(0);
    const finished: number[] = [];
    const takeBack = held.map(({ stream }, index) =>
      opener.slots.lend(() => {
        finished.push(index);
        stream?.finish();
      }),
    );
    takeBack[0]?.();
    const waiting = open();
    expect(finished).toEqual([1]);
    void take().then(take);
    held[0]?.stream?.finish();
    await runtime.advance(0);
    expect(waiting.stream).toBeDefined();
    expect(finished).toEqual([1]);
  });
});
