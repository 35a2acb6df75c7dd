import { it } from "vitest";
import { runHistories, seedsFrom } from "./run-histories.fixture.js";

/** Other histories in every run; `SIMULATION_RANDOM_SEED` runs those of an earlier one again. */
const { SIMULATION_RANDOM_RUNS = "50", SIMULATION_RANDOM_SEED } = process.env;

const seed = Number(SIMULATION_RANDOM_SEED ?? Math.floor(Math.random() * 1e9));

it(
  `each of ${SIMULATION_RANDOM_RUNS} histories settles as the model says: SIMULATION_RANDOM_SEED=${seed}`,
  () => runHistories(seedsFrom(seed, Number(SIMULATION_RANDOM_RUNS))),
  600_000,
);
