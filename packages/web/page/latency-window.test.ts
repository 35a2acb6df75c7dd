import { expect, test } from "vitest";
import { LatencyWindow } from "./latency-window.js";

test("gives nearest-rank percentiles of the newest 300", () => {
  const window = new LatencyWindow();
  expect(window.summary()).toBeUndefined();
  window.add(7);
  expect(window.summary()).toEqual({ newest: 7, p50: 7, p90: 7, p99: 7, of: 1 });
  // 9 comes after 10 as a text, and 0 was before everything.
  for (let sample = 0; sample < 300; sample++) window.add(sample);
  window.add(300);
  expect(window.summary()).toEqual({ newest: 300, p50: 150, p90: 270, p99: 297, of: 300 });
});
