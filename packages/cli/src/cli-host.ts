/** What the command line does of a process. */
export interface CliHost {
  /** The arguments after the command's own name. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the Unix epoch. */
  readonly wallClock: () => number;
  readonly writeOut: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** How wide the terminal is that `writeOut` writes to, `undefined` when it is none. */
  readonly terminalColumns?: () => number | undefined;
  /** Writes payloads where `writeOut` writes text. */
  readonly writeBytes: (bytes: Uint8Array) => void;
  /** Standard input. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Resolves with the signal's name when the process is asked to end. */
  readonly stopRequested: Promise<string>;
  /** Registers what is told of errors that nobody caught. */
  readonly onUncaught: (handle: (error: unknown) => void) => void;
}

/** How a run ended: 0 as asked, 1 by an error, 2 by settings that are missing or wrong; `interop` also 127, what it does not have. */
export type ExitCode = 0 | 1 | 2 | 127;
