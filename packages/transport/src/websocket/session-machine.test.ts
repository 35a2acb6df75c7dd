import { describe, expect, it } from "vitest";
import type { Frame } from "./frame.js";
import { NO_PARAMETERS } from "./parameters-codec.js";
import type { SendState } from "./stream-state.js";
import { endOf, MachinePair, openedStreams, readNow } from "./testing/machine-pair.js";
import { GENEROUS, LIMITS, Scripted, stream } from "./testing/scripted-machine.js";

describe("what released peers do", () => {
  it("is accepted: STREAM frames without offset, and resets with final size 0", () => {
    const peer = new Scripted("qmux-00", GENEROUS);
    peer.receive(stream(2, 5), stream(2, 5));
    peer.receive({ type: "reset_stream", id: 2, code: 9, finalSize: 0 });
    expect(openedStreams(peer.end)[0]?.recv).toMatchObject({ status: "reset", endCode: 9 });
    expect(endOf(peer.end)).toBeUndefined();
  });

  it("is passed over: frames for streams that have ended", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    peer.receive({ type: "reset_stream", id: 2, code: 9, finalSize: 0 });
    for (let count = 0; count < 10; count++) peer.receive(stream(2, 8_000));
    peer.receive({ type: "reset_stream", id: 2, code: 9, finalSize: 7 });
    expect(openedStreams(peer.end)).toHaveLength(1);
    expect(endOf(peer.end)).toBeUndefined();
  });

  it("is passed over in the legacy framing too, where data may follow the reset", () => {
    const peer = new Scripted("webtransport");
    peer.receive(
      stream(6, 5),
      { type: "reset_stream", id: 6, code: 9, finalSize: 0 },
      stream(6, 5),
    );
    peer.receive(stream(10, 5, { fin: true }), stream(10, 5));
    expect(openedStreams(peer.end).map(({ recv }) => recv.id)).toEqual([6, 10]);
    peer.receive(stream(2, 5));
    expect(openedStreams(peer.end).map(({ recv }) => recv.id)).toEqual([6, 10, 2]);
  });

  it("is understood: limits that shrink change nothing", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    peer.receive({ type: "max_data", max: 0 }, { type: "max_streams", uni: true, max: 0 });
    const send = peer.end.machine.sendStreams.open(true);
    if (!send) throw new Error("no stream");
    peer.end.machine.sendStreams.write(send, new Uint8Array(10));
    expect(peer.sent()).toMatchObject([{ type: "stream", id: 3 }]);
  });
});

describe("streams of the peer", () => {
  it("are opened by any first frame, in any order, each once", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    peer.receive(stream(10, 1), stream(2, 1), {
      type: "reset_stream",
      id: 6,
      code: 1,
      finalSize: 0,
    });
    peer.receive({ type: "stop_sending", id: 4, code: 3 });
    expect(openedStreams(peer.end).map(({ recv }) => recv.id)).toEqual([10, 2, 6, 4]);
    expect(peer.sent()).toContainEqual({ type: "reset_stream", id: 4, code: 3, finalSize: 0 });
  });

  it("give their place back only when both halves are over", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    const { machine } = peer.end;
    peer.receive(...[0, 4, 8, 12].map((id) => stream(id, 0, { fin: true })));
    expect(peer.sent()).toEqual([]);
    const send = openedStreams(peer.end)[0]?.send;
    if (!send) throw new Error("no sending half");
    machine.sendStreams.finish(send);
    expect(peer.sent()).toMatchObject([
      { type: "stream", id: 0, offset: 0, fin: true },
      { type: "max_streams", uni: false, max: 5 },
    ]);
    expect(endOf(peer.receive(stream(16, 1)).end)).toBeUndefined();
  });
});

describe("windows", () => {
  it("are widened once more than half of what is left was read", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    const { machine } = peer.end;
    const recvOf = (id: number) => {
      const found = openedStreams(peer.end).find(({ recv }) => recv.id === id);
      if (!found) throw new Error("no such stream");
      return found.recv;
    };
    peer.receive(stream(2, 2_500));
    readNow(peer.end, recvOf(2));
    expect(peer.sent()).toEqual([]);
    peer.receive(stream(2, 2_500));
    machine.recvStreams.read(recvOf(2));
    expect(peer.sent()).toEqual([{ type: "max_stream_data", id: 2, max: 13_000 }]);
  });

  it("of the session survive streams that are stopped unread, and what was under way to them", () => {
    const pair = new MachinePair("qmux-01", LIMITS);
    pair.settle();
    for (let round = 0; round < 20; round++) {
      const send = pair.client.machine.sendStreams.open(true);
      if (!send) throw new Error("no place for a stream");
      pair.client.machine.sendStreams.write(send, new Uint8Array(5_000));
      pair.settle();
      // These are under way when the peer stops the stream.
      pair.client.machine.sendStreams.write(send, new Uint8Array(2_000));
      pair.emit(pair.client);
      const opened = openedStreams(pair.server).at(-1);
      if (!opened) throw new Error("the stream did not arrive");
      expect(opened.recv.received).toBe(5_000);
      pair.server.machine.recvStreams.stop(opened.recv, 0);
      pair.settle();
      expect(send.status).toBe("reset");
    }
    expect(endOf(pair.server)).toBeUndefined();
  });

  it("of the session survive resets that skip bytes", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    let allowed = LIMITS.connectionWindow;
    let used = 0;
    for (let index = 0; index < 20; index++) {
      used += 7_000;
      expect(used).toBeLessThanOrEqual(allowed);
      peer.receive({ type: "reset_stream", id: 2 + index * 4, code: 0, finalSize: 7_000 });
      for (const frame of peer.sent()) if (frame.type === "max_data") allowed = frame.max;
    }
    expect(endOf(peer.end)).toBeUndefined();
  });
});

describe("sending", () => {
  function open(peer: Scripted, size: number, priority = 0): SendState {
    const { sendStreams } = peer.end.machine;
    const send = sendStreams.open(true);
    if (!send) throw new Error("no place for a stream");
    sendStreams.setPriority(send, priority);
    if (size > 0) sendStreams.write(send, new Uint8Array(size));
    return send;
  }

  function order(frames: readonly Frame[]): number[] {
    return frames.flatMap((frame) => (frame.type === "stream" ? [frame.id] : []));
  }

  it("goes by priority, and in turns among equals", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    const size = 2 * 16_352;
    const [low, first, second] = [open(peer, size, -1), open(peer, size), open(peer, size)];
    const late = open(peer, size, 7);
    peer.end.machine.sendStreams.setPriority(second, 3);
    peer.end.machine.sendStreams.setPriority(second, 0);
    expect(order(peer.sent())).toEqual(
      [late, late, first, second, first, second, low, low].map(({ id }) => id),
    );
  });

  it("gathers chunks into one message, with the FIN", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    const send = open(peer, 3);
    peer.end.machine.sendStreams.write(send, new Uint8Array(1_000));
    peer.end.machine.sendStreams.finish(send);
    expect(peer.sent()).toMatchObject([{ type: "stream", offset: 0, fin: true }]);
  });

  it("waits for the credit of the stream and of the session", () => {
    const peer = new Scripted("qmux-01", {
      ...GENEROUS,
      initialMaxData: 150,
      initialMaxStreamDataUni: 100,
    });
    const sizes = () =>
      peer.sent().map((frame) => (frame.type === "stream" ? frame.data.byteLength : frame.type));
    const first = open(peer, 200);
    open(peer, 100);
    expect(sizes()).toEqual([100, 50]);
    peer.receive({ type: "max_stream_data", id: first.id, max: 1_000 });
    expect(peer.end.machine.hasOutput).toBe(false);
    peer.receive({ type: "max_data", max: 200 });
    expect(sizes().reduce((a, b) => Number(a) + Number(b))).toBe(50);
    peer.receive({ type: "max_data", max: 1_000 });
    expect(sizes().reduce((a, b) => Number(a) + Number(b))).toBe(100);
  });

  it("sends a bare FIN without credit", () => {
    const peer = new Scripted("qmux-01", { ...GENEROUS, initialMaxData: 0 });
    peer.end.machine.sendStreams.finish(open(peer, 0));
    expect(peer.sent()).toMatchObject([{ type: "stream", fin: true }]);
  });

  it("sends nothing after a reset, which names what was sent", () => {
    const peer = new Scripted("qmux-01", { ...GENEROUS, initialMaxStreamDataUni: 100 });
    const send = open(peer, 500);
    expect(order(peer.sent())).toEqual([send.id]);
    peer.end.machine.sendStreams.reset(send, 5);
    peer.receive({ type: "max_stream_data", id: send.id, max: 1_000 });
    peer.receive({ type: "stop_sending", id: send.id, code: 8 });
    const queued = open(peer, 10);
    peer.end.machine.sendStreams.reset(queued, 6);
    expect(peer.sent()).toEqual([
      { type: "reset_stream", id: send.id, code: 5, finalSize: 100 },
      { type: "reset_stream", id: queued.id, code: 6, finalSize: 0 },
    ]);
  });

  it("opens no stream before the peer's parameters, and as many as they admit", () => {
    const early = new Scripted("qmux-01", null);
    expect(early.end.machine.sendStreams.open(true)).toBeUndefined();
    early.receive({
      type: "transport_parameters",
      parameters: { ...NO_PARAMETERS, initialMaxStreamsUni: 1 },
    });
    expect(early.end.machine.sendStreams.open(true)).toBeDefined();
    expect(early.end.machine.sendStreams.open(true)).toBeUndefined();
    early.receive({ type: "max_streams", uni: true, max: 2 });
    expect(early.end.events.at(-1)).toEqual({ type: "openable" });
    expect(early.end.machine.sendStreams.open(true)).toBeDefined();
  });
});

describe("pings", () => {
  it("are answered with their sequence, however large", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    for (const sequence of [3, 2, 2n ** 61n]) {
      peer.receive({ type: "ping", sequence, response: false });
      expect(peer.sent()).toEqual([{ type: "ping", sequence, response: true }]);
    }
  });

  it("do not pile up while the socket is blocked", () => {
    const peer = new Scripted("qmux-02", GENEROUS);
    for (let sequence = 0; sequence < 1_000; sequence++) {
      peer.receive({ type: "ping", sequence, response: false });
    }
    const answers = peer.sent();
    expect(answers).toHaveLength(16);
    expect(answers.at(-1)).toEqual({ type: "ping", sequence: 999, response: true });
  });

  it("of ours count up from 0", () => {
    const peer = new Scripted("qmux-02", GENEROUS);
    peer.end.machine.ping();
    peer.end.machine.ping();
    expect(peer.sent()).toMatchObject([{ sequence: 0 }, { sequence: 1 }]);
    peer.receive({ type: "ping", sequence: 1, response: true });
    expect(endOf(peer.end)).toBeUndefined();
  });
});

describe("the end", () => {
  it.each(["qmux-01", "webtransport"] as const)(
    "of ours is told in %s, and nothing after it",
    (framing) => {
      const peer = new Scripted(framing, GENEROUS);
      const send = peer.end.machine.sendStreams.open(true);
      if (send) peer.end.machine.sendStreams.write(send, new Uint8Array(9));
      peer.end.machine.close(21, "bye");
      expect(peer.sent()).toEqual([{ type: "application_close", code: 21, reason: "bye" }]);
      peer.end.machine.close(22, "again");
      expect(peer.sent()).toEqual([]);
    },
  );

  it("of the peer's carries its code and reason", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    peer.receive({ type: "application_close", code: 21, reason: "bye" });
    expect(endOf(peer.end)).toEqual({ code: 21, reason: "bye", by: "peer" });
  });

  it("by an error the peer reports has no code of an application", () => {
    const peer = new Scripted("qmux-01", GENEROUS);
    peer.receive({ type: "connection_close", code: 1002, frameType: 8, reason: "no" });
    expect(endOf(peer.end)).toEqual({
      code: undefined,
      reason: "the peer reported error 1002: no",
      by: "transport",
    });
  });
});
