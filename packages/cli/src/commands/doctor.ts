import type { Command } from "commander";
import type { CommandContext, DefineCommand } from "../command.js";
import { withConfig } from "../config/with-config.js";
import { checkSettings } from "../doctor/checks.js";
import { checkEnvironment } from "../doctor/environment.js";
import { type Finding, findingsText } from "../doctor/finding.js";
import { type Flags, runOptions } from "../flags.js";
import { hideSecrets } from "../hide-secrets.js";
import { readSettings, type Settings } from "../settings.js";
import { UsageError } from "../usage-error.js";

/**
 * `moq-bridge doctor`: whether `run` with the same settings would work here.
 * Ends with 0 if so, with 1 if something fails, with 2 if settings are missing or wrong.
 */
export const defineDoctor: DefineCommand = (program, context) => {
  const command = program
    .command("doctor")
    .description("check this machine, both relays, the registry and the token; takes run's flags")
    .allowExcessArguments(false)
    .action((flags: Flags, own: Command) => examine(flags, own, context));
  for (const option of runOptions()) command.addOption(option);
};

async function examine(flags: Flags, command: Command, context: CommandContext): Promise<void> {
  const { host, redactor, exit } = context;
  const findings: Finding[] = await checkEnvironment();
  const settings = settingsOf(flags, command, context);
  if (settings instanceof UsageError) {
    findings.push({ verdict: "fail", subject: "settings", text: settings.message });
    exit(2);
  } else {
    hideSecrets(settings, redactor);
    findings.push(...(await checkSettings(settings, redactor)));
    exit(findings.some(({ verdict }) => verdict === "fail") ? 1 : 0);
  }
  host.writeOut(redactor.redact(findingsText(findings)));
}

function settingsOf(
  given: Flags,
  command: Command,
  { host, redactor }: CommandContext,
): Settings | UsageError {
  try {
    const flags = withConfig(given, command, host);
    if (flags.relayToken !== undefined) redactor.addSecret(flags.relayToken);
    return readSettings(flags, host.environment);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}
