import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { checkMapping, readMapping } from "@moq-bridge/registry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configOptions } from "../../../cli/src/config/config-option.js";
import { readConfig } from "../../../cli/src/config/read-config.js";
import { runOptions } from "../../../cli/src/flags.js";
import { PeerProcess } from "../peer-process.js";
import {
  type CodeBlock,
  documents,
  packageNames,
  placeOf,
  ROOT,
  readDocument,
} from "./code-blocks.js";
import { commandFaults } from "./commands.js";
import { ExampleFolder } from "./example-folder.js";
import { compile, isProgram, typeFaults, writePrograms } from "./programs.js";
import { endsWell, printsWhatIsSaid } from "./run-example.js";
import { type BlockUse, blockUses } from "./table.js";

const uses = blockUses();
const programs = [...uses.keys()].filter(isProgram);
/** What programs take from their environment. */
const ENVIRONMENT = { REGISTRY_JWT_SECRET: "a secret of an example, long enough" };
const folder = new ExampleFolder();
afterAll(() => folder.remove());

/** For `it.each`: the blocks used in one way, by their places. */
function blocks(how: BlockUse["how"]): [place: string, block: CodeBlock][] {
  return [...uses].flatMap(([block, use]) =>
    use.how === how ? [[placeOf(block), block] as [string, CodeBlock]] : [],
  );
}

describe("programs", () => {
  const files = writePrograms(folder.path, programs);
  let compiled: ReadonlyMap<CodeBlock, string>;
  beforeAll(async () => {
    compiled = await compile(folder.path, files);
  }, 60_000);

  it("agree with the types of the packages", { timeout: 120_000 }, () => {
    expect(typeFaults(files)).toEqual([]);
  });

  const alone = blocks("alone");

  it.each(alone)(
    "%s runs to its end and prints what is said",
    { timeout: 60_000 },
    async (place, block) => {
      const running = await PeerProcess.start({
        name: place,
        command: process.execPath,
        args: [compiled.get(block) ?? ""],
        cwd: folder.path,
        env: ENVIRONMENT,
      });
      try {
        // A program that shows nothing shows nobody that it works.
        await printsWhatIsSaid(running, block.output ?? "…");
        await endsWell(running, block);
      } finally {
        await running.kill();
      }
    },
  );

  it("import what the document says to install, and nothing else", () => {
    for (const [, install] of blocks("not run")) {
      if (!install.text.startsWith("npm install ")) continue;
      const own = programs.filter(({ document }) => document === install.document);
      const imported = own.flatMap(({ text }) => [
        ...text.matchAll(/ from "((?:@[^/"]+\/)?[^/"]+)/g),
      ]);
      const names = new Set(imported.map(([, name]) => name));
      const installed = new Set(install.text.split(" ").slice(2));
      expect(names, placeOf(install)).toEqual(installed);
    }
  });
});

describe("files", () => {
  it.each(blocks("config"))("%s is a configuration that is read", (_, { text }) => {
    const file = join(folder.path, "config.json");
    writeFileSync(file, text);
    expect(readConfig(file, configOptions(runOptions())).size).toBe(
      Object.keys(JSON.parse(text)).length,
    );
  });

  it.each(blocks("registry answer"))("%s is an answer that is understood", async (_, { text }) => {
    const body = new TextEncoder().encode(text);
    const get = async () => ({
      status: 200,
      url: "https://registry.example.com/",
      headers: {},
      body,
    });
    const check = await checkMapping({ label: "the document", get }, readMapping({}));
    expect(check).toMatchObject({ type: "fits", misfit: undefined });
  });

  it.each(blocks("tested"))("%s is tested elsewhere", (_, block) => {
    const use = uses.get(block);
    const by = use?.how === "tested" ? use.by : "";
    expect(readFileSync(join(ROOT, by), "utf8")).toContain(block.document);
  });
});

describe("commands", () => {
  it.each(blocks("not run"))(
    "%s, which cannot be run here, are commands that exist",
    (_, block) => {
      expect(commandFaults(block.document, block.text)).toEqual([]);
    },
  );

  it.each(documents())("%s names scripts and packages that exist", (document) => {
    const named = [...prose(document).matchAll(/`((?:npm (?:run|test|start)|npx -y) ?[^`\n]*)`/g)];
    expect(named.flatMap(([, command = ""]) => commandFaults(document, command))).toEqual([]);
  });
});

describe("exports", () => {
  it.each(publishedEntries())("%s are all named in the README", async (_, entry, readme) => {
    const told = readDocument(readme);
    // The codecs of moq-lite are too many to name twice.
    const isTold = (name: string) =>
      new RegExp(`\\b${name}\\b`).test(told) ||
      (told.includes("`encodeX` and `decodeX`") &&
        told.includes(`\`${name.replace(/^(en|de)code/, "")}\``));
    const names = Object.keys(await import(join(ROOT, entry)));
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !isTold(name))).toEqual([]);
  });
});

describe("links", () => {
  it.each(documents())("%s leads to what is there", (document) => {
    const links = [...prose(document).matchAll(/\]\(([^)\s]+)\)/g)].map(
      ([, target = ""]) => target,
    );
    const broken = links.filter(
      (target) => !/^https?:/.test(target) && !leadsSomewhere(document, target),
    );
    expect(broken).toEqual([]);
  });
});

/** Each entry of each published package: what it is called, its built file, and the package's README. */
function publishedEntries(): [entry: string, file: string, readme: string][] {
  return packageNames().flatMap((folder) => {
    const manifest = JSON.parse(readDocument(`packages/${folder}/package.json`));
    if (manifest.private) return [];
    return Object.entries<{ default?: string }>(manifest.exports).flatMap(([name, target]) =>
      target.default === undefined
        ? []
        : ([
            [
              join(manifest.name, name),
              join("packages", folder, target.default),
              `packages/${folder}/README.md`,
            ],
          ] as [string, string, string][]),
    );
  });
}

/** A document without its blocks. */
function prose(document: string): string {
  return readDocument(document).replace(/^\s*```[\s\S]*?^\s*```/gm, "");
}

function leadsSomewhere(document: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? document : join(dirname(document), path);
  if (!existsSync(resolve(ROOT, file))) return false;
  if (anchor === undefined) return true;
  const headings = [...readDocument(file).matchAll(/^#{1,6} (.*)$/gm)];
  return headings.some(([, title = ""]) => anchorOf(title) === anchor);
}

/** As GitHub makes them. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/ /g, "-");
}
