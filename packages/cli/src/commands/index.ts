import type { DefineCommand } from "../command.js";
import { defineConfigSchema } from "./config-schema.js";
import { defineDemo } from "./demo.js";
import { defineDoctor } from "./doctor.js";
import { defineInterop } from "./interop.js";
import { defineRelay } from "./relay.js";
import { defineStatus } from "./status.js";
import { defineList, definePub, defineSub } from "./tools.js";

/** Every command beside `run`, in the order `--help` shows them. */
export const COMMANDS: readonly DefineCommand[] = [
  defineStatus,
  defineDoctor,
  defineList,
  defineSub,
  definePub,
  defineDemo,
  defineRelay,
  defineInterop,
  defineConfigSchema,
];
