/**
 * `npm run fuzz [-- --count N | --seconds N] [--seed N] [--dialect ietf14|lite]`:
 * hostile bytes against every decoder and reader, 10^6 inputs a dialect unless
 * told otherwise. A decoder may give values or throw `WireError`; anything
 * else, a loop, or memory beyond its bound is printed with the input and ends
 * with exit code 1.
 */
import { parseArgs } from "node:util";
import { getHeapStatistics } from "node:v8";
import { WireError } from "../src/index.js";
import { ietf14Targets } from "./ietf14-targets.js";
import { liteTargets } from "./lite-targets.js";
import { mutate, Random } from "./mutate.js";
import type { Target } from "./target.js";

/** Growth of the heap that means a leak: far above what garbage between two collections is. */
const MAX_GROWTH_BYTES = 128 * 1024 * 1024;
/** One input takes microseconds; a second is a loop. */
const MAX_INPUT_MS = 1_000;
/** What decoding one input may allocate: this much, and so much more for each of its bytes. */
const MAX_ALLOCATED_BYTES = 1024 * 1024;
const MAX_ALLOCATED_PER_BYTE = 1024;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000000" },
    seconds: { type: "string" },
    seed: { type: "string", default: "1" },
    dialect: { type: "string" },
  },
});
const seed = Number(values.seed);
const dialects: Record<string, () => Target[]> = {
  ietf14: () => ietf14Targets(seed),
  lite: () => liteTargets(seed),
};
const chosen = values.dialect === undefined ? Object.keys(dialects) : [values.dialect];
const milliseconds = values.seconds === undefined ? undefined : Number(values.seconds) * 1000;

for (const name of chosen) {
  const targets = dialects[name]?.();
  if (!targets) throw new Error(`unknown dialect ${name}`);
  fuzz(name, targets);
}

function fuzz(name: string, targets: readonly Target[]): void {
  const random = new Random(seed);
  const count = milliseconds === undefined ? Number(values.count) : Number.POSITIVE_INFINITY;
  const deadline = milliseconds === undefined ? undefined : milliseconds / chosen.length;
  const started = performance.now();
  const before = process.memoryUsage();
  const outcomes = { decoded: 0, refused: 0 };
  let allocatedMost = 0;
  let inputs = 0;
  for (; inputs < count; inputs++) {
    if (inputs % 1024 === 0 && deadline !== undefined && performance.now() - started > deadline) {
      break;
    }
    const target = random.pick(targets);
    const input = mutate(random, target.samples);
    const begun = performance.now();
    const held = allocated();
    try {
      target.run(input, random);
      outcomes.decoded++;
    } catch (error) {
      if (!(error instanceof WireError)) fail(name, target, input, error);
      outcomes.refused++;
    }
    // Below zero when garbage was collected meanwhile, which then hides this one input.
    const taken = allocated() - held;
    allocatedMost = Math.max(allocatedMost, taken);
    if (taken > MAX_ALLOCATED_BYTES + MAX_ALLOCATED_PER_BYTE * input.byteLength) {
      fail(name, target, input, `allocated ${taken} bytes`);
    }
    if (performance.now() - begun > MAX_INPUT_MS) fail(name, target, input, "took too long");
  }
  const growth = process.memoryUsage().heapUsed - before.heapUsed;
  if (growth > MAX_GROWTH_BYTES) throw new Error(`${name}: the heap grew by ${growth} bytes`);
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(
    `${name}: ${inputs} inputs, seed ${seed}: ${outcomes.decoded} decoded, ` +
      `${outcomes.refused} refused, at most ${allocatedMost} bytes allocated for one, ` +
      `${seconds.toFixed(1)} s\n`,
  );
}

/** Bytes allocated and not collected. */
function allocated(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

function fail(dialect: string, target: Target, input: Uint8Array, error: unknown): never {
  const hex = Buffer.from(input).toString("hex");
  process.stderr.write(`${dialect} ${target.name}: ${String(error)}\ninput ${hex}\n`);
  process.exit(1);
}
