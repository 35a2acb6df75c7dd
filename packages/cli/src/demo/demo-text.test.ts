import { expect, test } from "vitest";
import { bridgeStatus } from "../admin/status.fixture.js";
import type { DemoStream } from "./demo-stream.js";
import { DemoTable, demoLine, demoResult } from "./demo-text.js";
import type { CheckCounts } from "./track-check.js";

function stream(
  direction: DemoStream["direction"],
  counts: Partial<CheckCounts> = {},
  well = true,
): DemoStream {
  const far = { well, published: { spec: { name: "video" } } };
  return {
    path: `demo/${direction}`,
    name: "video",
    direction,
    tracks: [{ far }],
    tracksWell: well ? 1 : 0,
    latencies: { samples: [1, 2, 3, 40] },
    counts: { frames: 10, bytes: 5_000_000, lost: 0, missed: 0, altered: 0, ...counts },
  } as unknown as DemoStream;
}

test("a demo is well if both directions carried everything", () => {
  const streams = [stream("to-cloudflare"), stream("to-relay")];
  expect(demoResult(20, streams)).toEqual({
    ok: true,
    lines: [
      "20.0 s",
      "relay → cloudflare: 10 frames, 5.0 MB, 0 lost, 0 altered; added latency p50 3.0 ms, p99 40.0 ms",
      "cloudflare → relay: 10 frames, 5.0 MB, 0 lost, 0 altered; added latency p50 3.0 ms, p99 40.0 ms",
      "both directions carried everything unaltered",
    ],
  });
  expect(demoLine(3.2, streams)).toBe(
    "  3 s  relay → cloudflare 1/1 streams, 10 frames, 0 lost, 0 altered, added 3.0 ms | cloudflare → relay 1/1 streams, 10 frames, 0 lost, 0 altered, added 3.0 ms",
  );
});

test.each([
  [{ lost: 2 }, true, "failed: 2 frames lost and 0 altered"],
  [{ altered: 1 }, true, "failed: 0 frames lost and 1 altered"],
  [{ frames: 0 }, false, "failed: demo/to-relay video does not come through"],
])("%j, well %s, is not", (counts, well, line) => {
  const result = demoResult(20, [stream("to-cloudflare"), stream("to-relay", counts, well)]);
  expect([result.ok, result.lines.at(-1)]).toEqual([false, line]);
});

test("what was missed while something was down does no harm", () => {
  const result = demoResult(20, [stream("to-cloudflare", { missed: 4 }), stream("to-relay")]);
  expect(result.ok).toBe(true);
  expect(result.lines[1]).toContain("0 altered, 4 missed while something was down;");
  expect(result.lines.at(-1)).toContain("after each outage every stream came back");
});

test("the table has a line for each stream, which an ordinary terminal is wide enough for", () => {
  const streams = [
    stream("to-cloudflare", { frames: 123_456 }),
    stream("to-relay", { lost: 2, altered: 1 }),
  ];
  const status = bridgeStatus({
    broadcasts: [
      {
        ...{ path: "demo/to-cloudflare", direction: "to-cloudflare", state: "announced" },
        ...{ reason: undefined, since: 0 },
      },
      {
        ...{ path: "demo/to-relay", direction: "to-relay", state: "waiting" },
        ...{ reason: "no session with the relay", since: 0 },
      },
    ],
  });
  const table = new DemoTable(streams);
  expect(table.lines(status, 200)).toEqual([
    "direction     broadcast  state      tracks  frames  Mbit/s  last s  added ms  lost",
    "→ cloudflare  video      announced  1/1     123456  0.00    -       3.0/40.0  0",
    "→ relay       video      waiting    1/1     10      0.00    -       3.0/40.0  3     no session with the relay",
  ]);
  const narrow = new DemoTable(streams.slice(0, 1)).lines(status, 79);
  expect(narrow).toEqual([
    "direction    broadcast state     tracks frames Mbit/s last s added ms lost",
    "→ cloudflare video     announced 1/1    123456 0.00   -      3.0/40.0 0",
  ]);
  // What is wrong is cut, the figures are not.
  expect(table.lines(status, 79).at(-1)).toBe(
    "→ relay      video     waiting   1/1    10     0.00   -      3.0/40.0 3    no s",
  );
});
