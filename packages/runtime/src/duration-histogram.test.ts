import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DURATION_BOUNDS_MS, DurationHistogram, durationQuantile } from "./duration-histogram.js";

describe("DurationHistogram", () => {
  it("counts each duration in the bucket whose bound it does not exceed", () => {
    const histogram = new DurationHistogram();
    for (const ms of [-1, 0, 0.1, 0.11, 1, 2_500, 2_501, 1e9]) histogram.record(ms);
    expect(histogram.buckets).toEqual([3, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
    expect(histogram.count).toBe(8);
    expect(histogram.sumMs).toBeCloseTo(1e9 + 2_501 + 2_500 + 1 + 0.11 + 0.1);
  });

  it("adds what another counted", () => {
    const one = new DurationHistogram();
    const two = new DurationHistogram();
    one.record(3);
    two.record(3);
    two.record(7);
    one.add(two);
    expect(one.count).toBe(3);
    expect(one.sumMs).toBe(13);
    expect(one.buckets.reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(two.count).toBe(2);
  });
});

describe("durationQuantile", () => {
  it("is undefined for nothing, and the last bound for what lies beyond", () => {
    const histogram = new DurationHistogram();
    expect(durationQuantile(histogram.buckets, 0.5)).toBeUndefined();
    histogram.record(60_000);
    expect(durationQuantile(histogram.buckets, 0.5)).toBe(DURATION_BOUNDS_MS.at(-1));
  });

  it("lies in the bucket of the true quantile", () => {
    const durations = fc.array(fc.double({ min: 0, max: 2_400, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(durations, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, quantile) => {
        const histogram = new DurationHistogram();
        for (const ms of all) histogram.record(ms);
        const sorted = [...all].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(quantile * all.length - 1e-9) - 1)] ?? 0;
        const upper = DURATION_BOUNDS_MS.findIndex((bound) => exact <= bound);
        const estimate = durationQuantile(histogram.buckets, quantile) ?? Number.NaN;
        expect(estimate).toBeLessThanOrEqual(DURATION_BOUNDS_MS[upper] ?? 0);
        expect(estimate).toBeGreaterThanOrEqual(DURATION_BOUNDS_MS[upper - 1] ?? 0);
      }),
    );
  });
});
