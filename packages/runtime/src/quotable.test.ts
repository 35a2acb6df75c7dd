import { expect, test } from "vitest";
import { quotable } from "./quotable.js";

test("a peer's words become one plain line of bounded length", () => {
  expect(quotable(" gone\r\n\u001b[2Jfor \u202egood ")).toBe("gone [2Jfor  good");
  expect(quotable("a".repeat(200))).toBe("a".repeat(200));
  expect(quotable("a".repeat(201))).toBe(`${"a".repeat(200)}…`);
});
