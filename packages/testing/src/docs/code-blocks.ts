import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** A fenced block of a document. */
export interface CodeBlock {
  /** Relative to {@link ROOT}. */
  readonly document: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  /** The word after the fence; empty for a picture. */
  readonly language: string;
  /** Without the fence's indentation. */
  readonly text: string;
  /** What it prints, from a `text` block below it before the next heading; `…` stands for anything. */
  readonly output: string | undefined;
}

/** The folders in `packages/`. */
export function packageNames(): string[] {
  return readdirSync(join(ROOT, "packages"));
}

/** Every document whose blocks are run. */
export function documents(): string[] {
  const packages = packageNames().map((name) => `packages/${name}/README.md`);
  const pages = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`);
  return ["README.md", "CONTRIBUTING.md", "bench/README.md", ...packages, ...pages].filter((name) =>
    existsSync(join(ROOT, name)),
  );
}

/** The text of a document. */
export function readDocument(document: string): string {
  return readFileSync(join(ROOT, document), "utf8");
}

/** Every block of every document, but for those that say what another prints. */
export function codeBlocks(): CodeBlock[] {
  return documents().flatMap((document) => blocksOf(document, readDocument(document)));
}

/** `README.md:27`, as tests are called. */
export function placeOf({ document, line }: CodeBlock): string {
  return `${document}:${line}`;
}

function blocksOf(document: string, source: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = source.split("\n");
  let mayPrint = false;
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(\s*)(`{3,})(\S*)/.exec(lines[at] ?? "");
    if (!fence) {
      if (/^#{1,6} /.test(lines[at] ?? "")) mayPrint = false;
      continue;
    }
    const [, indent = "", ticks = "", language = ""] = fence;
    const end = lines.findIndex((line, index) => index > at && line.trim() === ticks);
    if (end < 0) throw new Error(`${document}:${at + 1}: the block does not end`);
    const body = lines.slice(at + 1, end).map((line) => line.slice(indent.length));
    const text = body.join("\n");
    const before = blocks.at(-1);
    if (language === "text" && mayPrint && before) {
      blocks[blocks.length - 1] = { ...before, output: text };
      mayPrint = false;
    } else {
      blocks.push({ document, line: at + 1, language, text, output: undefined });
      mayPrint = true;
    }
    at = end;
  }
  return blocks;
}
