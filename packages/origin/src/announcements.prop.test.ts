import fc from "fast-check";
import { expect, test } from "vitest";
import { setup } from "../test/helpers.js";
import type { Announcements, BroadcastConsumer, BroadcastProducer } from "./index.js";
import { hasPathPrefix } from "./path.js";

const path = fc.constantFrom("", "a", "a/b", "a/b/c", "b", "ab");
const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("create" as const), path, hop: fc.bigInt(0n, 3n) }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("end" as const), index: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("hops" as const),
      index: fc.nat(20),
      hop: fc.bigInt(0n, 3n),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("listen" as const), prefix: path }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("read" as const),
      index: fc.nat(9),
      count: fc.nat(4),
    }),
  },
);

/** Follows one listener and checks that each thing it hears makes sense at that moment. */
class Listener {
  readonly active = new Map<string, BroadcastConsumer>();
  readonly prefix: string;
  readonly #announced: Announcements;
  readonly #liveAtLastRead = new Map<string, BroadcastConsumer>();

  constructor(prefix: string, announced: Announcements) {
    this.prefix = prefix;
    this.#announced = announced;
  }

  read(count: number, live: ReadonlyMap<string, BroadcastConsumer>): number {
    let heard = 0;
    for (; heard < count; heard++) {
      const next = this.#announced.tryNext();
      if (!next) break;
      expect(hasPathPrefix(next.path, this.prefix)).toBe(true);
      if (next.type === "active") {
        // Only what is true now is announced, and only after the old one was ended.
        expect(next.broadcast).toBe(live.get(next.path));
        expect(this.active.has(next.path)).toBe(false);
        this.active.set(next.path, next.broadcast);
      } else {
        const told = this.active.get(next.path);
        expect(told).toBeDefined();
        expect(told).not.toBe(live.get(next.path));
        this.active.delete(next.path);
      }
    }
    return heard;
  }

  /** Reads all: at most one `ended` and one `active` per path it knew or that lives. */
  catchUp(live: ReadonlyMap<string, BroadcastConsumer>): void {
    const expected = new Map([...live].filter(([at]) => hasPathPrefix(at, this.prefix)));
    const bound = this.active.size + expected.size;
    expect(this.read(bound + 1, live)).toBeLessThanOrEqual(bound);
    expect(this.active).toEqual(expected);
    this.#liveAtLastRead.clear();
  }
}

test("whatever changes and however slowly it reads, a listener hears a true and bounded story", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60, size: "max" }), (operations) => {
      const { origin } = setup();
      const sources: { path: string; producer: BroadcastProducer }[] = [];
      const listeners = [new Listener("", origin.announced())];
      const live = () => {
        const all = new Map<string, BroadcastConsumer>();
        for (const { path: at } of sources) {
          const broadcast = origin.broadcast(at);
          if (broadcast) all.set(at, broadcast);
        }
        return all;
      };
      for (const op of operations) {
        if (op.type === "create") {
          const producer = origin.createBroadcast(op.path, { hops: [op.hop] });
          sources.push({ path: op.path, producer });
        } else if (op.type === "end") {
          const [ended] = sources.splice(op.index % Math.max(1, sources.length), 1);
          ended?.producer.finish();
        } else if (op.type === "hops") {
          sources[op.index % Math.max(1, sources.length)]?.producer.setHops([op.hop]);
        } else if (op.type === "listen") {
          listeners.push(new Listener(op.prefix, origin.announced(op.prefix)));
        } else {
          listeners[op.index % listeners.length]?.read(op.count, live());
        }
        // A path lives exactly as long as it has a source; the newest names the instance.
        for (const { path: at } of sources) {
          const newest = sources.findLast((source) => source.path === at);
          expect(origin.broadcast(at)?.hops).toEqual(newest?.producer.hops);
        }
      }
      for (const listener of listeners) listener.catchUp(live());
    }),
    { numRuns: 500 },
  );
});

test("ten thousand paths and a thousand listeners cost about as much as what they hear", () => {
  const { origin } = setup();
  const listeners = Array.from({ length: 1000 }, (_, i) => origin.announced(`p${i}`));
  const sources = Array.from({ length: 10_000 }, (_, i) =>
    origin.createBroadcast(`p${i % 1000}/s${i}`),
  );
  for (const source of sources.slice(0, 5000)) source.finish();
  let heard = 0;
  for (const listener of listeners) while (listener.tryNext()) heard++;
  expect(heard).toBe(5000);
  const all = origin.announced();
  heard = 0;
  while (all.tryNext()) heard++;
  expect(heard).toBe(5000);
});
