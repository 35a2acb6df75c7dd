import { expect, it } from "vitest";
import { History } from "./history.fixture.js";

/** Histories to run; `npm run soak` asks for more, from another seed if told so. */
const {
  SIMULATION_RUNS = "250",
  SIMULATION_SEED = "1",
  SIMULATION_RANDOM_RUNS = "20",
} = process.env;

async function run(first: number, count: number): Promise<void> {
  const failures: string[] = [];
  let firstLog = "";
  for (let seed = first; seed < first + count; seed++) {
    const { wrong, log } = await new History(seed).run();
    if (wrong.length > 0 && failures.length === 0) firstLog = log.join("\n");
    failures.push(...wrong);
  }
  expect(failures, `the first of them:\n${firstLog}\n`).toEqual([]);
}

it(
  `settles as the model says after each of ${SIMULATION_RUNS} histories`,
  () => run(Number(SIMULATION_SEED), Number(SIMULATION_RUNS)),
  7_200_000,
);

const seed = Math.floor(Math.random() * 1e9);
it(
  `settles after ${SIMULATION_RANDOM_RUNS} more from the random seed ${seed}`,
  () => run(seed, Number(SIMULATION_RANDOM_RUNS)),
  600_000,
);
