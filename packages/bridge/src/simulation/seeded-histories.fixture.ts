import { it } from "vitest";
import { runHistories, seedsFrom } from "./run-histories.fixture.js";

/** The same histories in every run; `npm run soak` asks for more of them, from another seed on. */
const { SIMULATION_RUNS = "500", SIMULATION_SEED = "1" } = process.env;

/** They are shared out to this many files, which run side by side. */
const FILES = 2;

/** The part of the seeded histories that one file runs. */
export function testSeededHistories(file: number): void {
  const count = Math.floor(Number(SIMULATION_RUNS) / FILES);
  const seeds = seedsFrom(Number(SIMULATION_SEED) + file, count, FILES);
  it(
    `each of ${count} histories from seed ${seeds[0]} on settles as the model says`,
    () => runHistories(seeds),
    7_200_000,
  );
}
