import fc from "fast-check";
import { expect, test } from "vitest";
import { bytes, outage, setup } from "../test/helpers.js";
import {
  type BroadcastConsumer,
  type BroadcastProducer,
  combine,
  instanceId,
  Origin,
  type TrackConsumer,
  type TrackProducer,
} from "./index.js";

const side = fc.constantFrom("primary" as const, "secondary" as const);
const operation = fc.oneof(
  fc.record({
    type: fc.constant("create" as const),
    side,
    path: fc.constantFrom("a", "b", "b/c"),
    hop: fc.bigInt(0n, 3n),
    via: fc.bigInt(7n, 9n),
  }),
  fc.record({ type: fc.constant("end" as const), index: fc.nat(20), lost: fc.boolean() }),
  fc.record({ type: fc.constant("settle" as const) }),
);

test("what is announced is the union, the primary's first, and its story makes sense", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 40, size: "max" }), async (operations) => {
      const { runtime, origin: primary } = setup();
      const sides = { primary, secondary: new Origin({ runtime }) };
      const combined = combine(sides.primary, sides.secondary, { runtime });
      const announced = combined.announced();
      const told = new Map<string, BroadcastConsumer>();
      const sources: BroadcastProducer[] = [];
      const check = async () => {
        await runtime.advance(0);
        const before = new Map([...told].map(([path, { hops }]) => [path, instanceId(hops)]));
        for (let next = announced.tryNext(); next; next = announced.tryNext()) {
          if (next.type === "active") {
            expect(told.has(next.path)).toBe(false);
            told.set(next.path, next.broadcast);
          } else {
            expect(told.delete(next.path)).toBe(true);
          }
        }
        for (const path of ["a", "b", "b/c"]) {
          const wanted = sides.primary.broadcast(path) ?? sides.secondary.broadcast(path);
          const shown = combined.broadcast(path);
          expect(shown).toBe(told.get(path));
          expect(shown && instanceId(shown.hops)).toBe(wanted && instanceId(wanted.hops));
          expect(shown === undefined).toBe(wanted === undefined);
          const known = before.get(path);
          // The same instance, wherever it is taken from, is not announced again.
          if (known !== undefined && known === instanceId(shown?.hops ?? [])) {
            expect(shown).toBe(told.get(path));
          }
        }
      };
      for (const op of operations) {
        if (op.type === "create") {
          sources.push(sides[op.side].createBroadcast(op.path, { hops: [op.hop, op.via] }));
        } else if (op.type === "end") {
          const [source] = sources.splice(op.index % Math.max(1, sources.length), 1);
          if (op.lost) source?.abort(outage);
          else source?.finish();
        } else {
          await check();
        }
      }
      await check();
      for (const source of sources) source.finish();
      await check();
      expect(told.size).toBe(0);
    }),
    { numRuns: 300 },
  );
});

/** One publisher's track, which comes over both sides; each may lag behind, and is cut at some point. */
test("a reader gets every frame once and in order, whichever side is lost when", async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant("publish" as const) },
    { weight: 2, arbitrary: fc.constant("next group" as const) },
    { weight: 1, arbitrary: fc.constant("lose primary" as const) },
    { weight: 1, arbitrary: fc.constant("lose secondary" as const) },
    { weight: 1, arbitrary: fc.constant("settle" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      const { runtime, origin: primary } = setup();
      const sides = [primary, new Origin({ runtime })];
      const combined = combine(primary, sides[1] ?? primary, { runtime });
      const published: number[][] = [[]];
      let feeds: (Feed | undefined)[] = sides.map((origin) => new Feed(origin, published));
      await runtime.advance(0);
      const reader = combined.broadcast("a")?.subscribe("t");
      if (!reader) throw new Error("not announced");
      const seen: string[] = [];
      void collect(reader, seen);
      await runtime.advance(0);
      const newest = () => published.at(-1) ?? [];
      for (const each of steps) {
        if (each === "settle") {
          await runtime.advance(0);
        } else if (each === "publish") {
          newest().push(1 + (newest().length % 5));
          for (const feed of feeds) feed?.catchUp();
        } else if (each === "next group") {
          // A reader that never falls behind is to see every group.
          await runtime.advance(0);
          published.push([]);
          for (const feed of feeds) feed?.catchUp();
        } else {
          const at = each === "lose primary" ? 0 : 1;
          const other = feeds[1 - at];
          if (!other) continue;
          await runtime.advance(0);
          feeds[at]?.source.abort(outage);
          feeds[at] = undefined;
          await runtime.advance(0);
          const origin = sides[at];
          if (origin) feeds[at] = new Feed(origin, published);
        }
      }
      await runtime.advance(0);
      published.push([]);
      for (const feed of feeds) feed?.catchUp();
      await runtime.advance(0);
      feeds = [];
      const expected = published.slice(0, -1).map((sizes, group) => `${group}: ${sizes.join(" ")}`);
      expect(seen.slice(0, expected.length)).toEqual(expected);
    }),
    { numRuns: 200, endOnFailure: true },
  );
});

/** Repeats on one Origin all that was published. */
class Feed {
  readonly source: BroadcastProducer;
  readonly #track: TrackProducer;
  readonly #published: readonly (readonly number[])[];
  #group: ReturnType<TrackProducer["appendGroup"]> | undefined;
  #at = -1;
  #frames = 0;

  constructor(origin: Origin, published: readonly (readonly number[])[]) {
    this.source = origin.createBroadcast("a", { hops: [1n, BigInt(published.length) + 10n] });
    this.#track = this.source.createTrack("t");
    this.#published = published;
    this.#at = Math.max(0, published.length - 3) - 1;
    this.catchUp();
  }

  catchUp(): void {
    for (;;) {
      const sizes = this.#published[this.#at];
      while (this.#group && sizes && this.#frames < sizes.length) {
        this.#group.writeFrame(bytes(sizes[this.#frames++] ?? 0));
      }
      if (this.#at === this.#published.length - 1) return;
      this.#group?.finish();
      this.#group = this.#track.openGroup(++this.#at);
      this.#frames = 0;
    }
  }
}

async function collect(track: TrackConsumer, seen: string[]): Promise<void> {
  for (let group = await track.nextGroup(); group; group = await track.nextGroup()) {
    const at = group.sequence;
    const current = group;
    void (async () => {
      const sizes: number[] = [];
      for (let frame = await current.readFrame(); frame; frame = await current.readFrame()) {
        sizes.push(frame.payload.byteLength);
        seen[at] = `${at}: ${sizes.join(" ")}`;
      }
      seen[at] = `${at}: ${sizes.join(" ")}`;
    })();
  }
}
