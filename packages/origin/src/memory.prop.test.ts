import { MoqError, settle } from "@moq-bridge/runtime";
import fc from "fast-check";
import { expect, test } from "vitest";
import { codeOf, setup } from "../test/helpers.js";
import { MemoryBudget } from "./index.js";
import type {
  BroadcastConsumer,
  BroadcastProducer,
  GroupConsumer,
  GroupProducer,
  TrackConsumer,
  TrackProducer,
} from "./model.js";

const KiB = 1024;
const LIMIT = 40 * KiB;
const SLAB = 4 * KiB;
const ERROR = new MoqError("ended_by_test", "ended by the test", { scope: "subscription" });

const index = fc.nat(1000);
/** An operation of that type, that often. */
function op<const T extends string, F extends object>(
  weight: number,
  type: T,
  fields: { [K in keyof F]: fc.Arbitrary<F[K]> },
) {
  const arbitrary = fc
    .tuple(index, fc.record(fields))
    .map(([index, rest]) => ({ type, index, ...rest }));
  return { weight, arbitrary };
}

const name = fc.constantFrom("t", "u");
const abort = fc.boolean();
const operation = fc.oneof(
  op(2, "create", { hop: fc.bigInt(0n, 2n) }),
  op(2, "request", {}),
  op(2, "track", { name }),
  op(6, "subscribe", { name, startGroup: fc.option(fc.nat(5), { nil: undefined }) }),
  op(10, "open", { sequence: fc.option(fc.nat(6), { nil: undefined }) }),
  op(30, "write", { size: fc.nat(2 * SLAB), fresh: fc.boolean() }),
  op(5, "group end", { abort }),
  op(10, "take", {}),
  op(10, "read", { pieces: fc.nat(20) }),
  op(1, "leave", {}),
  op(2, "drop group", {}),
  op(1, "detach", {}),
  op(1, "track end", { abort }),
  op(1, "broadcast end", { abort }),
  op(4, "time", { ms: fc.nat(400) }),
);

function pick<T>(from: readonly T[], at: number): T | undefined {
  return from[at % Math.max(1, from.length)];
}

/** Something to work on from the start. */
const BEGINNING = [
  { type: "create", index: 0, hop: 1n },
  { type: "track", index: 0, name: "t" },
  { type: "request", index: 0 },
  { type: "subscribe", index: 1, name: "t", startGroup: undefined },
  { type: "subscribe", index: 0, name: "t", startGroup: 0 },
] as const;

/** Calls that may rightly fail, with one of the package's own errors. */
function tolerate<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    codeOf(error);
    return undefined;
  }
}

test("whatever happens, memory stays within the limit and comes back, and no timer stays", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 200, size: "max" }), async (operations) => {
      const { origin, budget, runtime } = setup({
        budget: new MemoryBudget(LIMIT),
        maxGroupBytes: 16 * KiB,
        idleMs: 300,
      });
      const broadcasts: BroadcastProducer[] = [];
      const consumers: BroadcastConsumer[] = [];
      const tracks: TrackProducer[] = [];
      const readers: TrackConsumer[] = [];
      const groups: GroupProducer[] = [];
      const reading: GroupConsumer[] = [];
      const onTrack = (request: { accept(info: object): TrackProducer }) =>
        tracks.push(request.accept({ priority: 1, maxLatencyMs: 500 }));
      origin.dynamic(onTrack);
      let slab = new Uint8Array(SLAB);

      for (const op of [...BEGINNING, ...operations]) {
        switch (op.type) {
          case "create": {
            const path = `b${op.index % 3}`;
            broadcasts.push(origin.createBroadcast(path, { hops: [op.hop], onTrack }));
            const consumer = origin.broadcast(path);
            if (consumer) consumers.push(consumer);
            break;
          }
          case "request":
            consumers.push(origin.request(`b${op.index % 3}`));
            break;
          case "track": {
            const track = tolerate(() =>
              pick(broadcasts, op.index)?.createTrack(op.name, { maxLatencyMs: 500 }),
            );
            if (track) tracks.push(track);
            break;
          }
          case "subscribe": {
            const { startGroup } = op;
            const demand = startGroup === undefined ? undefined : { priority: 1, startGroup };
            const reader = pick(consumers, op.index)?.subscribe(op.name, demand);
            if (reader) readers.push(reader);
            break;
          }
          case "open": {
            const track = pick(tracks, op.index);
            const group = tolerate(() =>
              op.sequence === undefined ? track?.appendGroup() : track?.openGroup(op.sequence),
            );
            if (group) groups.push(group);
            break;
          }
          case "write": {
            if (op.fresh) slab = new Uint8Array(SLAB);
            const payload = op.size > SLAB ? new Uint8Array(op.size) : slab.subarray(0, op.size);
            tolerate(() => pick(groups, op.index)?.writeFrame(payload));
            break;
          }
          case "group end": {
            const group = pick(groups, op.index);
            if (op.abort) group?.abort(ERROR);
            else group?.finish();
            break;
          }
          case "take":
            pick(readers, op.index)
              ?.nextGroup()
              .then((group) => group && reading.push(group), codeOf);
            await settle();
            break;
          case "read":
            tolerate(() => {
              for (let i = 0; i < op.pieces; i++) pick(reading, op.index)?.next();
            });
            break;
          case "leave":
            pick(readers, op.index)?.close();
            pick(consumers, op.index)?.close();
            break;
          case "drop group":
            pick(reading, op.index)?.close();
            break;
          case "detach":
            pick(tracks, op.index)?.detach();
            break;
          case "track end":
            if (op.abort) pick(tracks, op.index)?.abort(ERROR);
            else pick(tracks, op.index)?.finish();
            break;
          case "broadcast end":
            if (op.abort) pick(broadcasts, op.index)?.abort(ERROR);
            else pick(broadcasts, op.index)?.finish();
            break;
          case "time":
            await runtime.advance(op.ms);
            break;
        }
        // A quarter over the limit, plus the buffer that came last and the empty groups.
        expect(budget.usedBytes).toBeLessThan(LIMIT * 1.25 + 2 * SLAB + groups.length * 2 * KiB);
        expect(budget.usedBytes).toBeGreaterThanOrEqual(0);
      }

      for (const reader of readers) reader.close();
      for (const group of reading) group.close();
      for (const consumer of consumers) consumer.close();
      for (const track of tracks) track.finish();
      origin.close();
      await runtime.advance(300);
      expect([budget.usedBytes, runtime.pendingTimers]).toEqual([0, 0]);
    }),
    { numRuns: 300 },
  );
});
