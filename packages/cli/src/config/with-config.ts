import type { Command } from "commander";
import type { CliHost } from "../cli-host.js";
import { type Flags, runOptions } from "../flags.js";
import { configOptions } from "./config-option.js";
import { mergeConfig } from "./merge-config.js";
import { readConfig } from "./read-config.js";

/** The flags with what their `--config` adds. @throws {UsageError} */
export function withConfig(flags: Flags, command: Command, { environment }: CliHost): Flags {
  if (flags.config === undefined) return flags;
  const isGiven = (key: string) => command.getOptionValueSource(key) === "cli";
  const config = readConfig(flags.config, configOptions(runOptions()));
  return mergeConfig(flags, isGiven, config, environment);
}
