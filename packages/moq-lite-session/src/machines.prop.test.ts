import { LITE_VERSIONS } from "@moq-bridge/moq-wire/lite";
import fc from "fast-check";
import { describe, it } from "vitest";
import { type AnnounceCall, AnnouncePair } from "./announce-pair.fixture.js";
import { TRACK_ACTS, TrackPair } from "./track-pair.fixture.js";

/** `npm run soak` makes 100,000 of them, from a seed. */
const { MACHINE_RUNS = "600", MACHINE_SEED } = process.env;
const numRuns = Math.ceil(Number(MACHINE_RUNS) / LITE_VERSIONS.length);
const seed = MACHINE_SEED === undefined ? {} : { seed: Number(MACHINE_SEED) };
const LONG_RUN_MS = 20 * 60_000;

const path = fc.constantFrom("p/a", "p/b", "p/c/d");
const live = fc.record({
  type: fc.constant("live" as const),
  path,
  hops: fc.uniqueArray(fc.bigInt(1n, 6n), { maxLength: 3 }),
  instance: fc.nat(1),
});
const announceCall: fc.Arbitrary<AnnounceCall> = fc.oneof(
  live,
  fc.record({ type: fc.constant("ended" as const), path }),
  fc.constant({ type: "carry" } as const),
);
const trackCall = fc.record({
  act: fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...TRACK_ACTS.filter((act) => !isRare(act))) },
    { weight: 1, arbitrary: fc.constantFrom(...TRACK_ACTS.filter(isRare)) },
  ),
  pick: fc.nat(11),
});

/** What ends a run. */
function isRare(act: (typeof TRACK_ACTS)[number]): boolean {
  return ["close", "refuseTrack", "fail", "lose"].includes(act);
}

describe.each(LITE_VERSIONS)("%s, whatever happens", (version) => {
  it(
    "an announce stream shows what is live, and holds nothing else",
    () => {
      fc.assert(
        fc.property(
          fc.uniqueArray(live, { selector: (each) => each.path }),
          fc.array(announceCall, { maxLength: 200, size: "max" }),
          (first, calls) => {
            const pair = new AnnouncePair(version, first);
            for (const call of calls) pair.do(call);
            pair.check();
          },
        ),
        { numRuns, ...seed },
      );
    },
    LONG_RUN_MS,
  );

  it(
    "subscriber and publisher agree on a track, and the request is answered",
    () => {
      fc.assert(
        fc.property(fc.array(trackCall, { maxLength: 200, size: "max" }), (calls) => {
          const pair = new TrackPair(version);
          for (const call of calls) pair.do(call);
          pair.check();
        }),
        { numRuns, ...seed },
      );
    },
    LONG_RUN_MS,
  );
});
