import type { DefineCommand } from "../command.js";
import { configOptions } from "../config/config-option.js";
import { configSchema } from "../config/config-schema.js";
import { runOptions } from "../flags.js";

/** `moq-bridge config-schema`: the JSON schema of the `--config` file, as it is published in the package. */
export const defineConfigSchema: DefineCommand = (program, { host }) => {
  program
    .command("config-schema")
    .description("print the JSON schema of the --config file")
    .allowExcessArguments(false)
    .action(() => {
      const schema = configSchema(configOptions(runOptions()));
      host.writeOut(`${JSON.stringify(schema, undefined, 2)}\n`);
    });
};
