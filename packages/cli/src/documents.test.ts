import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command, Option } from "commander";
import { describe, expect, it } from "vitest";
import { Metrics } from "./admin/metrics.js";
import { bridgeStatus } from "./admin/status.fixture.js";
import type { CommandContext } from "./command.js";
import { COMMANDS } from "./commands/index.js";
import { createProgram, runOptions, VARIABLES } from "./flags.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const read = (path: string) => readFileSync(`${ROOT}${path}`, "utf8");
const README = read("packages/cli/README.md");
/** A flag, but for those of npm and the like within words. */
const FLAG = /(?<![\w-])--[a-z][a-z-]*[a-z]/g;

function commands(): readonly Command[] {
  const program = createProgram(async () => {});
  // Nothing is run, so nothing is asked of it.
  for (const define of COMMANDS) define(program, {} as CommandContext);
  return program.commands;
}

/** The README's section about a command, its programs left out. */
function sectionOf(name: string): string {
  const sections = README.split(/^## /m).filter((section) => {
    const [title = ""] = section.split("\n");
    return title.startsWith("`moq-bridge") && new RegExp(`\\b${name}\\b`).test(title);
  });
  expect(sections, `sections about ${name}`).toHaveLength(1);
  return (sections[0] ?? "").replace(/^```[\s\S]*?^```/gm, "");
}

function flagsOf(options: readonly Option[]): string[] {
  return options.flatMap(({ long }) => (long && long !== "--help" ? [long] : [])).sort();
}

describe("the command line's README", () => {
  it("has a section for each command, and no other", () => {
    const titles = [...README.matchAll(/^## `moq-bridge ([^\n]*)$/gm)].map(
      ([, title = ""]) => title,
    );
    const named = titles.flatMap((title) => title.match(/[a-z-]+/g) ?? []);
    expect(named.sort()).toEqual(
      commands()
        .map((command) => command.name())
        .sort(),
    );
  });

  it.each(commands().map((command) => [command.name(), command] as const))(
    "gives %s the flags that --help lists, with their defaults, and no other",
    (name, command) => {
      const section = sectionOf(name);
      if (name === "doctor") {
        expect(section).toContain("the flags of `run`");
        expect(flagsOf(command.options)).toEqual(flagsOf(runOptions()));
        return;
      }
      const told = new Set(section.match(FLAG));
      // One section may be about several commands.
      const all = commands().filter((each) => sectionOf(each.name()) === section);
      expect([...told].sort()).toEqual(
        [...new Set(all.flatMap((each) => flagsOf(each.options)))].sort(),
      );
      for (const { long, defaultValue } of command.options) {
        if (typeof defaultValue !== "string") continue;
        const rows = section.split("\n").filter((line) => line.includes(`\`${long}\``));
        expect(rows.join("\n"), `${name} ${long}`).toContain(`\`${defaultValue}\``);
      }
    },
  );

  it("names every variable that stands in for a flag", () => {
    const told = sectionOf("run").match(/(?<=\| `)[A-Z_]+(?=` )/g);
    expect(told?.sort()).toEqual(Object.values(VARIABLES).sort());
  });
});

describe("docs/operating.md", () => {
  it("lists the metrics there are, and no other", async () => {
    const text = await new Metrics(() => bridgeStatus(), { version: "1", startedAt: 0 }).text();
    const there = [...text.matchAll(/^# TYPE moq_bridge_(\S+)/gm)].map(([, name]) => name);
    const section = /^## Metrics\n([\s\S]*?)^## /m.exec(read("docs/operating.md"))?.[1] ?? "";
    const rows = section.match(/^\| `.*$/gm) ?? [];
    const told = rows.flatMap((row) => row.split("|")[1]?.match(/(?<=`)\w+(?=`)/g) ?? []);
    expect(told.sort()).toEqual(there.sort());
    for (const [name] of section.matchAll(/moq_bridge_\w+/g)) {
      if (name !== "moq_bridge_") expect(there).toContain(name.replace("moq_bridge_", ""));
    }
  });
});

describe("the documents", () => {
  /** What docs/operating.md tells of moq-relay. */
  const ofRelays = ["--auth-url", "--auth-public", "--auth-key"];
  const own = commands().flatMap(({ options }) => flagsOf(options));
  const flags = ["--help", "--version", ...own, ...ofRelays];
  /** `--to-relay-…` stands for all that begin so. */
  const exists = (told: string) =>
    flags.some((flag) => (told.endsWith("…") ? flag.startsWith(told.slice(0, -1)) : flag === told));

  it.each(["operating", "security", "transports", "registry"])(
    "docs/%s.md names flags that exist",
    (page) => {
      const prose = read(`docs/${page}.md`).replace(/^```[\s\S]*?^```/gm, "");
      const told = prose.match(/(?<![\w-])--[a-z][a-z-]*…?/g) ?? [];
      expect(told.filter((flag) => !exists(flag))).toEqual([]);
    },
  );
});
