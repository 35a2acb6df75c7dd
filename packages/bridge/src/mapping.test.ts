import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { newCounters } from "../../moq-ietf14-session/src/stats.js";
import { Counters } from "../../moq-lite-session/src/counters.js";

/** The cells of the table in docs/mapping.md, row by row. */
function rows(): string[][] {
  const text = readFileSync(new URL("../../../docs/mapping.md", import.meta.url), "utf8");
  const lines = text.split("\n").filter((line) => line.startsWith("| "));
  return lines.map((line) => line.split(" | ").map((cell) => cell.replaceAll(/^\| *| *\|$/g, "")));
}

it("docs/mapping.md names counters that the sessions have", () => {
  const counters = {
    L: Object.keys(new Counters()),
    D: Object.keys(newCounters()),
  };
  const named = rows().flatMap((cells) =>
    [...(cells[4] ?? "").matchAll(/\b([LD]) ((?:`\w+`(?:, )?)+)/g)].flatMap(([, dialect, list]) =>
      [...(list ?? "").matchAll(/`(\w+)`/g)].map(([, name]) => [dialect as "L" | "D", name]),
    ),
  );
  expect(named.length).toBeGreaterThan(25);
  for (const [dialect, name] of named) expect(counters[dialect as "L" | "D"]).toContain(name);
});
