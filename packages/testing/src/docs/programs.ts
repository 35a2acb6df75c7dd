import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "tsup";
import ts from "typescript";
import { type CodeBlock, placeOf, ROOT } from "./code-blocks.js";
import { nodeTypes } from "./example-folder.js";

const PROGRAM_LANGUAGES = ["ts", "js"];

/** Whether a block is a program for Node.js. */
export function isProgram({ language }: CodeBlock): boolean {
  return PROGRAM_LANGUAGES.includes(language);
}

/** Writes programs into a folder; their files' names, by block. `edit` fits them to this machine. */
export function writePrograms(
  folder: string,
  blocks: readonly CodeBlock[],
  edit: (text: string) => string = (text) => text,
): Map<CodeBlock, string> {
  return new Map(
    blocks.map((block) => {
      const file = join(folder, `${placeOf(block).replace(/[^\w]+/g, "-")}.${block.language}`);
      writeFileSync(file, edit(block.text));
      return [block, file];
    }),
  );
}

/** Checks programs against the types that our packages publish; one line for each fault, at the document's line. */
export function typeFaults(programs: ReadonlyMap<CodeBlock, string>): string[] {
  const places = new Map([...programs].map(([block, file]) => [file, block]));
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.build.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const program = ts.createProgram({
    rootNames: [...places.keys()],
    options: {
      ...options,
      noEmit: true,
      allowJs: true,
      // The testing package has no build: its sources find each other by this.
      customConditions: [],
      typeRoots: [nodeTypes()],
    },
  });
  return [...places].flatMap(([file, { document, line }]) => {
    const source = program.getSourceFile(file);
    return ts.getPreEmitDiagnostics(program, source).map(({ messageText, start = 0 }) => {
      const at = source ? source.getLineAndCharacterOfPosition(start).line : 0;
      return `${document}:${line + 1 + at}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
  });
}

/** Compiles programs beside themselves; the files to run, by block. */
export async function compile(
  folder: string,
  programs: ReadonlyMap<CodeBlock, string>,
): Promise<Map<CodeBlock, string>> {
  await build({
    config: false,
    entry: [...programs.values()],
    format: "esm",
    outDir: folder,
    outExtension: () => ({ js: ".mjs" }),
    skipNodeModulesBundle: true,
    // It is not published, so it is not built either.
    noExternal: [/^@moq-bridge\/testing/],
    tsconfig: join(ROOT, "tsconfig.build.json"),
    target: "node20",
    silent: true,
  });
  return new Map([...programs].map(([block, file]) => [block, file.replace(/\.\w+$/, ".mjs")]));
}
