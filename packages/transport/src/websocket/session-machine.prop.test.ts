import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codecOf } from "./codec.js";
import type { Frame, Framing } from "./frame.js";
import { isUni } from "./stream-id.js";
import type { RecvState, SendState } from "./stream-state.js";
import { anyLegacyFrame, anyQmux00Frame, anyQmuxFrame } from "./testing/arbitrary-frames.js";
import { type End, endOf, MachinePair, readNow } from "./testing/machine-pair.js";
import { GENEROUS, Scripted } from "./testing/scripted-machine.js";

type Who = "client" | "server";

type Operation =
  | { readonly type: "open"; readonly who: Who; readonly uni: boolean }
  | { readonly type: "write"; readonly who: Who; readonly pick: number; readonly size: number }
  | {
      readonly type: "finish" | "reset" | "read" | "stop";
      readonly who: Who;
      readonly pick: number;
    }
  | { readonly type: "priority"; readonly who: Who; readonly pick: number; readonly value: number }
  | { readonly type: "emit" | "deliver"; readonly who: Who; readonly count: number };

const who = fc.constantFrom<Who>("client", "server");
const pick = fc.nat();
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ type: fc.constant("open" as const), who, uni: fc.boolean() }),
  fc.record({ type: fc.constant("write" as const), who, pick, size: fc.nat(6_000) }),
  fc.record({ type: fc.constantFrom("finish" as const, "read" as const), who, pick }),
  fc.record({ type: fc.constantFrom("reset" as const, "stop" as const), who, pick }),
  fc.record({ type: fc.constant("priority" as const), who, pick, value: fc.integer() }),
  fc.record({
    type: fc.constantFrom("emit" as const, "deliver" as const),
    who,
    count: fc.integer({ min: 1, max: 20 }),
  }),
);

/** Byte `at` of the stream with this id. */
function byteAt(id: number, at: number): number {
  return (id * 31 + at * 7 + (at >> 8)) & 0xff;
}

/** The application on one side: what it wrote, and what it read. */
class Application {
  readonly sends: SendState[] = [];
  readonly recvs: RecvState[] = [];
  readonly written = new Map<number, number>();
  readonly read = new Map<number, number>();
  readonly #pair: MachinePair;
  readonly #end: End;
  #seen = 0;

  constructor(pair: MachinePair, end: End) {
    this.#pair = pair;
    this.#end = end;
  }

  run(op: Operation): void {
    const { machine } = this.#end;
    this.adopt();
    switch (op.type) {
      case "open": {
        const send = machine.sendStreams.open(op.uni);
        if (!send) return;
        this.sends.push(send);
        if (!op.uni) this.recvs.push(machine.recvStreams.open(send.id));
        return;
      }
      case "write": {
        const send = this.sends[op.pick % this.sends.length];
        if (send?.status === "open") this.#write(send, op.size);
        return;
      }
      case "finish":
      case "reset":
      case "priority": {
        const send = this.sends[op.pick % this.sends.length];
        if (!send) return;
        if (op.type === "priority") machine.sendStreams.setPriority(send, op.value);
        else if (op.type === "finish") machine.sendStreams.finish(send);
        else machine.sendStreams.reset(send, op.pick % 100);
        return;
      }
      case "read":
      case "stop": {
        const recv = this.recvs[op.pick % this.recvs.length];
        if (!recv) return;
        if (op.type === "read") this.#read(recv);
        else machine.recvStreams.stop(recv, op.pick % 100);
        return;
      }
      case "emit":
        for (let count = op.count; count > 0 && this.#pair.emit(this.#end); count--);
        return;
      case "deliver":
        for (let count = op.count; count > 0 && this.#pair.deliver(this.#end); count--);
        return;
    }
  }

  /** Takes over the streams the peer has opened. */
  adopt(): void {
    for (const event of this.#end.events.slice(this.#seen)) {
      if (event.type !== "opened") continue;
      this.recvs.push(event.recv);
      if (event.send) this.sends.push(event.send);
    }
    this.#seen = this.#end.events.length;
  }

  readAll(): number {
    return this.recvs.reduce((sum, recv) => sum + this.#read(recv), 0);
  }

  #write(send: SendState, size: number): void {
    const start = this.written.get(send.id) ?? 0;
    const chunk = Uint8Array.from({ length: size }, (_, index) => byteAt(send.id, start + index));
    this.written.set(send.id, start + size);
    this.#end.machine.sendStreams.write(send, chunk);
  }

  #read(recv: RecvState): number {
    const start = this.read.get(recv.id) ?? 0;
    const bytes = readNow(this.#end, recv);
    for (let index = 0; index < bytes.byteLength; index++) {
      if (bytes[index] !== byteAt(recv.id, start + index)) {
        throw new Error(`stream ${recv.id} differs at ${start + index}`);
      }
    }
    this.read.set(recv.id, start + bytes.byteLength);
    return bytes.byteLength;
  }
}

const CASES: readonly (readonly [Framing, fc.Arbitrary<Frame>])[] = [
  ["qmux-00", smallIds(anyQmux00Frame)],
  ["qmux-01", smallIds(anyQmuxFrame)],
  ["webtransport", smallIds(anyLegacyFrame)],
];

/** Frames most of which are about streams there may be. */
function smallIds(anyFrame: fc.Arbitrary<Frame>): fc.Arbitrary<Frame> {
  return fc
    .tuple(anyFrame, fc.option(fc.nat(20)))
    .map(([frame, id]) => ("id" in frame && id !== null ? { ...frame, id } : frame));
}

const LIMITS = { connectionWindow: 20_000, streamWindow: 5_000, maxStreams: 4 };

describe.each<Framing>(["qmux-00", "qmux-01", "qmux-02", "webtransport"])(
  "two machines in %s",
  (framing) => {
    it("whatever their applications do, break no rule, lose nothing, and come to rest", () => {
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
          const pair = new MachinePair(framing, LIMITS);
          const apps = {
            client: new Application(pair, pair.client),
            server: new Application(pair, pair.server),
          };
          for (const op of operations) apps[op.who].run(op);

          // From here on everybody reads and nobody writes: all that was written must come through.
          let moved = 1;
          while (moved > 0) {
            pair.settle();
            apps.client.adopt();
            apps.server.adopt();
            moved = apps.client.readAll() + apps.server.readAll();
          }
          expect(endOf(pair.client)).toBeUndefined();
          expect(endOf(pair.server)).toBeUndefined();
          for (const [here, there] of [
            [apps.client, apps.server],
            [apps.server, apps.client],
          ] as const) {
            for (const send of here.sends) expectArrived(send, here, there);
          }
          expect(pair.client.machine.recvStreams.unread).toBe(0);
          expect(pair.server.machine.recvStreams.unread).toBe(0);
        }),
        { numRuns: 300 },
      );
    });

    it("gives every place back once all streams have ended", () => {
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
          const pair = new MachinePair(framing, LIMITS);
          pair.settle();
          const apps = [new Application(pair, pair.client), new Application(pair, pair.server)];
          const [client, server] = apps;
          for (const op of operations) (op.who === "client" ? client : server)?.run(op);
          for (let round = 0; round < 4; round++) {
            pair.settle();
            for (const app of apps) {
              app.adopt();
              for (const send of app.sends)
                app.run({ type: "finish", who: "client", pick: app.sends.indexOf(send) });
              app.readAll();
            }
          }
          pair.settle();
          for (const end of [pair.client, pair.server]) {
            for (const uni of [true, false]) {
              for (let count = 0; count < LIMITS.maxStreams; count++) {
                const send = end.machine.sendStreams.open(uni);
                if (!send) throw new Error(`only ${count} streams can be open at once`);
                end.machine.sendStreams.write(send, Uint8Array.of(0));
                pair.settle();
              }
            }
          }
        }),
        { numRuns: 200 },
      );
    });
  },
);

describe.each(CASES)("a machine in %s", (framing, anyFrame) => {
  it("answers whatever arrives by going on or ending the session, and never throws", () => {
    const message = fc.oneof(
      { arbitrary: anyFrame.map((frame) => codecOf(framing).encode(frame)), weight: 5 },
      { arbitrary: fc.uint8Array({ maxLength: 50 }), weight: 1 },
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
        const { machine } = new Scripted(framing, GENEROUS).end;
        for (const bytes of messages) {
          machine.handleMessage(bytes);
          while (machine.pollMessage());
        }
      }),
      { numRuns: 500 },
    );
  });
});

function expectArrived(send: SendState, here: Application, there: Application): void {
  const recv = there.recvs.find(({ id }) => id === send.id);
  const written = here.written.get(send.id) ?? 0;
  if (send.status === "reset") {
    // A reset stream that never sent a byte may still be unknown to the peer, if it was never opened there.
    if (recv) expect(["reset", "stopped"]).toContain(recv.status);
    return;
  }
  if (recv === undefined) {
    expect(written).toBe(0);
    return;
  }
  expect(there.read.get(send.id) ?? 0).toBe(written);
  if (send.status === "finished") expect(recv.status).toBe("done");
  expect(isUni(send.id) || here.recvs.some(({ id }) => id === send.id)).toBe(true);
}
