import { expect, test } from "vitest";
import type { DemoStream } from "./demo-stream.js";
import { demoLine, demoResult } from "./demo-text.js";
import type { CheckCounts } from "./track-check.js";

function stream(
  direction: DemoStream["direction"],
  counts: Partial<CheckCounts> = {},
  well = true,
): DemoStream {
  const far = { well, published: { spec: { name: "video" } } };
  return {
    path: `demo/${direction}`,
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
