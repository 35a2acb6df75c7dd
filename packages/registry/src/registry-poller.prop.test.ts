import { type HttpResponse, VirtualRuntime } from "@moq-bridge/runtime";
import fc from "fast-check";
import { expect, it } from "vitest";
import { httpSource } from "./answer-source.js";
import { RegistryPoller } from "./registry-poller.js";

type Step =
  | { readonly kind: "names"; readonly names: readonly string[] }
  | { readonly kind: "fault"; readonly fault: Partial<HttpResponse> | "hang" };

const names: fc.Arbitrary<Step> = fc
  .uniqueArray(
    fc.integer({ min: 0, max: 13 }).map((n) => `n${n}`),
    { maxLength: 14 },
  )
  .map((list) => ({ kind: "names", names: [...list].sort() }));
const fault: fc.Arbitrary<Step> = fc
  .constantFrom<Partial<HttpResponse> | "hang">(
    { status: 500 },
    { status: 404 },
    { status: 304 },
    { body: new TextEncoder().encode("<html>") },
    { body: new TextEncoder().encode('{"broadcasts":[{"name":"x"}]}') },
    { body: new TextEncoder().encode('{"broadcasts":null}') },
    { body: new Uint8Array(4 * 1024 * 1024 + 1) },
    "hang",
  )
  .map((value) => ({ kind: "fault", fault: value }));
const steps = fc.array(fc.oneof({ arbitrary: names, weight: 3 }, { arbitrary: fault, weight: 2 }), {
  minLength: 1,
  maxLength: 30,
});

const endsTooMany = (known: readonly string[], next: readonly string[]) => {
  const missing = known.filter((name) => !next.includes(name)).length;
  if (missing === 0) return false;
  return missing === known.length || (known.length >= 10 && missing > known.length / 2);
};

/** What must be live after each answer, said as plainly as possible. */
function model(sequence: readonly Step[]): (readonly string[])[] {
  let live: readonly string[] = [];
  let doubting = false;
  const lists: (readonly string[])[] = [];
  for (const step of sequence) {
    if (step.kind === "fault") {
      doubting = false;
      continue;
    }
    doubting = !doubting && endsTooMany(live, step.names);
    live = doubting ? [...new Set([...live, ...step.names])].sort() : step.names;
    lists.push(live);
  }
  return lists;
}

it("no outage ever ends an entry, and a mass end takes two answers in a row", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer(), async (sequence, seed) => {
      let next = 0;
      let asked = 0;
      const runtime = new VirtualRuntime({
        seed,
        http: async (url) => {
          asked++;
          const step = sequence[next++];
          const base = { status: 200, headers: {}, body: new Uint8Array(), url };
          if (step === undefined || (step.kind === "fault" && step.fault === "hang")) {
            return new Promise<never>(() => {});
          }
          if (step.kind === "fault") return Object.assign(base, step.fault);
          const broadcasts = step.names.map((name) => ({ stream_id: name, origin: "cloudflare" }));
          return { ...base, body: new TextEncoder().encode(JSON.stringify({ broadcasts })) };
        },
      });
      const lists: string[][] = [];
      let errors = 0;
      const poller = new RegistryPoller({
        runtime,
        source: httpSource({ runtime, url: "http://registry.test/" }),
        intervalMs: 5000,
        onEntries: (entries) => lists.push(entries.map((entry) => entry.streamId)),
        onError: () => errors++,
      });
      poller.start();
      while (next <= sequence.length) {
        const before = asked;
        await runtime.advance(500);
        expect(asked - before).toBeLessThanOrEqual(1);
      }
      expect(lists).toEqual(model(sequence));
      expect(errors).toBe(sequence.filter((step) => step.kind === "fault").length);
      poller.stop();
      expect(runtime.pendingTimers).toBe(0);
    }),
    { numRuns: 60 },
  );
});
