import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CodeBlock, documents, placeOf, ROOT } from "../src/docs/code-blocks.js";
import { ExampleFolder } from "../src/docs/example-folder.js";
import { DocumentPeers } from "../src/docs/peers.js";
import { compile, isProgram, writePrograms } from "../src/docs/programs.js";
import { endsWell, interrupt, isReady, printsWhatIsSaid } from "../src/docs/run-example.js";
import { type BlockUse, blockUses } from "../src/docs/table.js";
import { PeerProcess } from "../src/peer-process.js";
import { Scene } from "../src/scene.js";

const uses = [...blockUses()].filter(([, { how }]) => how === "with peers" || how === "serves");
const programs = uses.filter(([block]) => isProgram(block));
const commands = uses.filter(([block]) => !isProgram(block));

const folder = new ExampleFolder();
let scene: Scene;
let peers: DocumentPeers;
let compiled: ReadonlyMap<CodeBlock, string>;

beforeAll(async () => {
  scene = await Scene.create("documents");
  peers = await DocumentPeers.start(scene, folder);
  const blocks = programs.map(([block]) => block);
  compiled = await compile(folder.path, writePrograms(folder.path, blocks, await peers.edit()));
});
afterAll(async () => {
  await scene.end();
  folder.remove();
});

test.each(programs.map(([block, use]) => [placeOf(block), block, use] as const))(
  "the program %s runs",
  async (place, block, use) => {
    const running = await start(place, process.execPath, [compiled.get(block) ?? ""], ROOT);
    try {
      await printsWhatIsSaid(running, block.output ?? "…");
      if (use.how === "serves") running.signal("SIGTERM");
      await endsWell(running, block);
    } finally {
      await running.kill();
    }
  },
);

const withCommands = documents().filter((name) =>
  commands.some(([{ document }]) => document === name),
);

test.each(withCommands)("the commands of %s run, in their order", async (document) => {
  const edit = await peers.edit();
  const serving: [PeerProcess, CodeBlock][] = [];
  try {
    for (const [block, use] of commands) {
      if (block.document !== document) continue;
      const running = await startCommands(block, edit(block.text));
      if (use.how === "serves") {
        serving.push([running, block]);
        await isReady(running, block, readyLines(use));
      } else {
        await endsWell(running, block);
      }
    }
    for (const [running, block] of serving.splice(0).reverse()) await interrupt(running, block);
  } finally {
    for (const [running] of serving) await running.kill();
  }
});

test("there is something of each kind to run", () => {
  expect(programs.length).toBeGreaterThan(4);
  expect(withCommands).toContain("README.md");
});

/** In a shell, in the repository where they are for it, else beside the installed packages. */
function startCommands(block: CodeBlock, text: string): Promise<PeerProcess> {
  const name = placeOf(block).replace(/[^\w]+/g, "-");
  const script = join(folder.path, `${name}.sh`);
  writeFileSync(script, text);
  const isForRepository = /^(npm|npx -y pnpm\S*) /m.test(text);
  return start(name, "bash", ["-eu", script], isForRepository ? placeIn(block) : folder.path);
}

/** The package that the document is about, else the repository. */
function placeIn({ document }: CodeBlock): string {
  const own = join(ROOT, dirname(document));
  return existsSync(join(own, "package.json")) ? own : ROOT;
}

function start(name: string, command: string, args: readonly string[], cwd: string) {
  return PeerProcess.start({
    name,
    command,
    args,
    cwd,
    env: peers.environment,
    logFile: scene.logFile(name.replace(/[^\w]+/g, "-")),
    group: true,
  });
}

function readyLines(use: BlockUse): readonly RegExp[] {
  return use.how === "serves" ? (use.until ?? []) : [];
}
