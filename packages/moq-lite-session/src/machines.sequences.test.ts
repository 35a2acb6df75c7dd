import { LITE_VERSIONS } from "@moq-bridge/moq-wire/lite";
import { describe, expect, it } from "vitest";
import { type AnnounceCall, AnnouncePair, RECEIVER } from "./announce-pair.fixture.js";
import { TRACK_ACTS, type TrackCall, TrackPair } from "./track-pair.fixture.js";

const MAX_CALLS = 5;

/**
 * Every sequence of up to five of these calls. One that does nothing ends its
 * branch: what follows it is a shorter sequence.
 */
function explore<Call>(
  calls: readonly Call[],
  start: () => { do(call: Call): boolean; check(): void },
): number {
  let sequences = 0;
  const visit = (sequence: readonly Call[]) => {
    const pair = start();
    let done = true;
    try {
      for (const call of sequence) done = pair.do(call);
      if (!done) return;
      sequences++;
      pair.check();
    } catch (error) {
      const told = sequence.map((call) => Object.values(call as object).join(" ")).join(", ");
      throw new Error(`after ${told}: ${String(error)}`, { cause: error });
    }
    if (sequence.length === MAX_CALLS) return;
    for (const call of calls) visit([...sequence, call]);
  };
  visit([]);
  return sequences;
}

const live = (path: string, hops: readonly bigint[], instance: number): AnnounceCall => ({
  type: "live",
  path,
  hops,
  instance,
});
const ANNOUNCE_CALLS: readonly AnnounceCall[] = [
  live("p/a", [5n], 0),
  live("p/a", [6n, 5n], 0),
  live("p/a", [5n], 1),
  live("p/a", [RECEIVER], 0),
  live("p/b/c", [], 0),
  { type: "ended", path: "p/a" },
  { type: "ended", path: "p/b/c" },
  { type: "carry" },
];

const TRACK_CALLS: readonly TrackCall[] = TRACK_ACTS.map((act) => ({ act, pick: 9 }));

describe.each(LITE_VERSIONS)("%s, in every order of five calls", (version) => {
  it("an announce stream shows what is live, and holds nothing else", () => {
    expect(explore(ANNOUNCE_CALLS, () => new AnnouncePair(version, []))).toBeGreaterThan(1_000);
  }, 60_000);

  it("subscriber and publisher agree on a track, and the request is answered", () => {
    expect(explore(TRACK_CALLS, () => new TrackPair(version))).toBeGreaterThan(1_000);
  }, 60_000);
});
