import type { Command } from "commander";
import type { CliHost, ExitCode } from "./cli-host.js";
import type { Redactor } from "./redactor.js";

/** What a command has to work with. */
export interface CommandContext {
  readonly host: CliHost;
  /** Tell it every secret; whatever is written must have passed it. */
  readonly redactor: Redactor;
  /** Sets how the command ended; 0 unless it is called. */
  exit(code: ExitCode): void;
}

/** Adds one command to the program. Its action may throw a `UsageError`. */
export type DefineCommand = (program: Command, context: CommandContext) => void;
