import type { DefineCommand } from "../command.js";
import { defineConfigSchema } from "./config-schema.js";
import { defineStatus } from "./status.js";

/** Every command beside `run`, in the order `--help` shows them. */
export const COMMANDS: readonly DefineCommand[] = [defineStatus, defineConfigSchema];
