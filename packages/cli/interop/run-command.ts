import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The built command. */
export const BIN = fileURLToPath(new URL("../bin/moq-bridge.js", import.meta.url));

/** What a command wrote, and how it ended. */
export interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** A command of the built bridge as a process. */
export interface RunningCommand {
  readonly ended: Promise<CommandResult>;
  /** Resolves once what it wrote so far, to either stream, matches; rejects when it ends before. */
  wrote(pattern: RegExp): Promise<void>;
  /** Writes to its standard input. */
  write(text: string): void;
  /** Ends its standard input. */
  end(): void;
  kill(): void;
}

/** Starts `moq-bridge` with these arguments and an environment of its own. */
export function startCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): RunningCommand {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: environment,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = { out: "", error: "" };
  const ended = new Promise<CommandResult>((resolve) => {
    child.on("close", (code) => resolve({ code, ...output }));
  });
  child.stdout.on("data", (chunk) => {
    output.out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output.error += chunk;
  });
  const wrote = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => pattern.test(output.out + output.error) && resolve();
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      look();
      void ended.then(() =>
        reject(new Error(`ended without writing ${pattern}:\n${output.error}`)),
      );
    });
  // A command that ended does not read the rest.
  child.stdin.on("error", () => {});
  return {
    ended,
    wrote,
    write: (text) => child.stdin.write(text),
    end: () => child.stdin.end(),
    kill: () => child.kill("SIGKILL"),
  };
}

/** Runs it to its end. */
export function runCommand(
  args: readonly string[],
  environment?: Readonly<Record<string, string>>,
): Promise<CommandResult> {
  const command = startCommand(args, environment);
  command.end();
  return command.ended;
}
