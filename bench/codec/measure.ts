/** Rates in bytes per second of processor time, each the median of several rounds. */
export interface Measurement {
  readonly ours: number;
  readonly theirs: number;
  readonly copy: number;
  /** Ours by theirs of each round: the median, and the least and most. */
  readonly times: { readonly median: number; readonly least: number; readonly most: number };
}

/** What is compared; each call goes once through the same `bytes`. */
export interface Contenders {
  readonly bytes: number;
  readonly ours: () => void;
  readonly theirs: () => Promise<void>;
  readonly copy: () => void;
}

/** Long enough that the clock's grain and a collection of garbage are small in it. */
const SAMPLE_MS = 60;
export const ROUNDS = 11;

/**
 * Measures in turn, so that what disturbs one disturbs all, and counts the time
 * of the process rather than of the clock: what else runs does not.
 */
export async function measure({ bytes, ours, theirs, copy }: Contenders): Promise<Measurement> {
  const counts = {
    ours: await repetitions(ours),
    theirs: await repetitions(theirs),
    copy: await repetitions(copy),
  };
  const rounds: { ours: number; theirs: number; copy: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({
      ours: (bytes * counts.ours) / (await seconds(ours, counts.ours)),
      theirs: (bytes * counts.theirs) / (await seconds(theirs, counts.theirs)),
      copy: (bytes * counts.copy) / (await seconds(copy, counts.copy)),
    });
  }
  const times = rounds.map((round) => round.ours / round.theirs).sort((a, b) => a - b);
  return {
    ours: median(rounds.map((round) => round.ours)),
    theirs: median(rounds.map((round) => round.theirs)),
    copy: median(rounds.map((round) => round.copy)),
    times: { median: median(times), least: times[0] ?? 0, most: times.at(-1) ?? 0 },
  };
}

/** How often to run for one sample; finding out also warms the code up. */
async function repetitions(run: () => void | Promise<void>): Promise<number> {
  for (let count = 1; ; count *= 2) {
    const taken = await seconds(run, count);
    if (taken * 1000 >= SAMPLE_MS) return count;
  }
}

async function seconds(run: () => void | Promise<void>, count: number): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) {
    const pending = run();
    if (pending) await pending;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
