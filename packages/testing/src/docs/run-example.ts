import type { Exit, PeerProcess } from "../peer-process.js";
import { within } from "../wait.js";
import { type CodeBlock, placeOf } from "./code-blocks.js";

/** Time for one example, on a machine that is busy. */
const PATIENCE_MS = 60_000;

/** Waits until a process has printed what the document says, in that order. @throws {Error} */
export async function printsWhatIsSaid(process: PeerProcess, output: string): Promise<void> {
  let from = 0;
  for (const line of output.split("\n").filter((line) => line.trim() !== "")) {
    const found = await process.waitForLine(patternOf(line), { timeoutMs: PATIENCE_MS, from });
    from = process.output.all().indexOf(found) + 1;
  }
}

/** Waits until something that serves has printed all these lines, in any order, and what the document says. @throws {Error} */
export async function isReady(
  process: PeerProcess,
  block: CodeBlock,
  lines: readonly RegExp[],
): Promise<void> {
  if (lines.length === 0 && block.output === undefined) {
    throw new Error(`${placeOf(block)}: nothing says when it is ready`);
  }
  for (const line of lines) await process.waitForLine(line, { timeoutMs: PATIENCE_MS });
  if (block.output !== undefined) await printsWhatIsSaid(process, block.output);
}

/** Waits until a process has ended by itself, with exit code 0. @throws {Error} with what it printed */
export async function endsWell(process: PeerProcess, block: CodeBlock): Promise<void> {
  const { code, signal } = await end(process, block);
  if (code === 0) return;
  throw new Error(`${placeOf(block)} ended with ${signal ?? code}:\n${process.text}`);
}

/** Ctrl-C: what serves must still be there, and then end. @throws {Error} */
export async function interrupt(process: PeerProcess, block: CodeBlock): Promise<void> {
  if (process.exit) throw new Error(`${placeOf(block)} ended too early:\n${process.text}`);
  process.signal("SIGINT");
  await end(process, block);
}

function end(process: PeerProcess, block: CodeBlock): Promise<Exit> {
  const what = `${placeOf(block)} to end`;
  return within(process.exited, { what, timeoutMs: PATIENCE_MS }, () => process.text);
}

/** A line of a document, in which `…` stands for anything. */
function patternOf(line: string): RegExp {
  const parts = line.trim().split("…");
  return new RegExp(
    `^\\s*${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*")}\\s*$`,
  );
}
