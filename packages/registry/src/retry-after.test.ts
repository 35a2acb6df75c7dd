import { expect, it } from "vitest";
import { readRetryAfter } from "./retry-after.js";

const now = Date.UTC(2026, 0, 1, 0, 0, 0);

it.each([
  [undefined, undefined],
  ["0", 0],
  ["120", 120_000],
  [" 7 ", 7000],
  ["Thu, 01 Jan 2026 00:00:30 GMT", 30_000],
  ["Wed, 31 Dec 2025 23:59:00 GMT", 0],
  ["-1", undefined],
  ["1.5", undefined],
  ["soon", undefined],
  ["Thu, nonsense", undefined],
  ["99999999999", undefined],
])("%s asks for %s ms", (value, milliseconds) => {
  expect(readRetryAfter(value, now)).toBe(milliseconds);
});
