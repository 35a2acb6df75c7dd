import { expect, test } from "vitest";
import { EventLog } from "./event-log.js";

test("finds what happened already, what happens later, and says what it saw instead", async () => {
  const log = new EventLog<number>(String);
  log.push(1);
  expect(await log.waitFor((n) => n === 1, { what: "1", timeoutMs: 1_000 })).toBe(1);
  const later = log.waitForCount((n) => n > 1, 2, { what: "two more", timeoutMs: 1_000 });
  log.push(1);
  log.push(2);
  log.push(3);
  expect(await later).toEqual([2, 3]);
  await expect(
    log.waitFor((n) => n === 1, { what: "another 1", timeoutMs: 20, from: log.length }),
  ).rejects.toThrow(/waiting for another 1\n0 of 1 seen; last:\n {2}1\n {2}1\n {2}2\n {2}3/);
});
