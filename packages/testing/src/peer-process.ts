import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { EventLog } from "./event-log.js";
import { type Deadline, within } from "./wait.js";

/** A line a process printed. */
export interface OutputLine {
  readonly stream: "stdout" | "stderr";
  /** Without terminal colours. */
  readonly text: string;
  /** `performance.now()` when it was read. */
  readonly at: number;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What to start. */
export interface PeerProcessOptions {
  /** For messages and the log's file name. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's environment; `undefined` removes. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Everything printed is also written here. */
  readonly logFile?: string;
  /** Signals go to all that it started too, as Ctrl-C does in a terminal. */
  readonly group?: boolean;
}

const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");
const STOP_GRACE_MS = 3_000;
const TICKS_PER_SECOND = 100;

const live = new Set<PeerProcess>();
process.once("exit", () => {
  for (const peer of live) peer.signal("SIGKILL");
});

/** A child process: its output, its end, and signals to it. It never outlives this process. */
export class PeerProcess {
  readonly name: string;
  readonly pid: number;
  readonly output = new EventLog<OutputLine>((line) => `${line.stream}: ${line.text}`);
  /** Resolves when it has ended and all its output was read. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #isGroup: boolean;
  readonly #log: WriteStream | undefined;
  #exit: Exit | undefined;

  private constructor(child: ChildProcess, pid: number, options: PeerProcessOptions) {
    this.#child = child;
    this.pid = pid;
    this.name = options.name;
    this.#isGroup = options.group === true;
    if (options.logFile !== undefined) {
      mkdirSync(dirname(options.logFile), { recursive: true });
      this.#log = createWriteStream(options.logFile, { flags: "a" });
      this.#log.write(`$ ${options.command} ${options.args.join(" ")}\n`);
    }
    this.#readLines("stdout");
    this.#readLines("stderr");
    live.add(this);
    this.exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        live.delete(this);
        this.#exit = { code, signal };
        this.#log?.end(`ended with ${signal ?? code}\n`);
        resolve(this.#exit);
      });
    });
  }

  /** @throws {Error} when it cannot be started */
  static async start(options: PeerProcessOptions): Promise<PeerProcess> {
    const [command, args] = dieWithParent(options.command, options.args);
    const child = spawn(command, args, {
      stdio: ["pipe", "pipe", "pipe"],
      detached: options.group === true,
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const failed = new Promise<never>((_, reject) => {
      child.once("error", (error) => reject(new Error(`${options.name}: ${error.message}`)));
    });
    const spawned = new Promise<void>((resolve) => child.once("spawn", () => resolve()));
    await Promise.race([spawned, failed]);
    if (child.pid === undefined) throw new Error(`${options.name}: no process`);
    // A write to a process that has just died is no news: its exit is.
    child.stdin?.on("error", () => {});
    return new PeerProcess(child, child.pid, options);
  }

  /** How it ended, `undefined` while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Everything printed so far. */
  get text(): string {
    return this.output
      .all()
      .map((line) => line.text)
      .join("\n");
  }

  /** Processor time it used so far, in milliseconds, in steps of 10. */
  async processorTime(): Promise<number> {
    const stat = await readFile(`/proc/${this.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
  }

  /** Writes a line to its standard input. */
  writeLine(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Writes bytes to its standard input. */
  write(bytes: Uint8Array): void {
    this.#child.stdin?.write(bytes);
  }

  /** The first line (after `from`) that matches. @throws {Error} on time-out, or when the process ends without it */
  async waitForLine(
    pattern: RegExp,
    deadline: Omit<Deadline, "what"> & { readonly from?: number },
  ): Promise<OutputLine> {
    const what = `${this.name} to print ${pattern}`;
    const matches = (line: OutputLine) => pattern.test(line.text);
    const ended = this.exited.then(({ code, signal }) => {
      const late = this.output.filter(matches, deadline.from)[0];
      if (late !== undefined) return late;
      throw new Error(
        `${this.name} ended with ${signal ?? code} before it printed ${pattern}:\n${this.output.tail()}`,
      );
    });
    return Promise.race([this.output.waitFor(matches, { ...deadline, what }), ended]);
  }

  /** Sends a signal to this process, or to its group where it leads one. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#isGroup) {
      this.#child.kill(signal);
      return;
    }
    try {
      process.kill(-this.pid, signal);
    } catch {
      // Nobody of the group is left.
    }
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<Exit> {
    this.signal("SIGKILL");
    return this.exited;
  }

  /** SIGTERM, SIGKILL if it has not ended within 3 s. */
  async stop(): Promise<Exit> {
    if (this.#exit !== undefined) return this.#exit;
    this.signal("SIGCONT");
    this.signal("SIGTERM");
    try {
      return await within(this.exited, { what: `${this.name} to end`, timeoutMs: STOP_GRACE_MS });
    } catch {
      return this.kill();
    }
  }

  #readLines(stream: "stdout" | "stderr"): void {
    const source = this.#child[stream];
    if (source === null) return;
    createInterface({ input: source }).on("line", (raw) => {
      const text = raw.replace(ANSI, "");
      const at = performance.now();
      this.#log?.write(`${at.toFixed(0).padStart(9)} ${stream}: ${text}\n`);
      this.output.push({ stream, text, at });
    });
  }
}

/** On Linux the kernel ends the child with its parent, even if the parent is killed. */
function dieWithParent(command: string, args: readonly string[]): [string, string[]] {
  if (process.platform !== "linux") return [command, [...args]];
  return ["setpriv", ["--pdeathsig", "KILL", command, ...args]];
}
