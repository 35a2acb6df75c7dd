import { Bridge } from "@moq-bridge/bridge";
import { type Command, CommanderError } from "commander";
import { type RunningAdmin, startAdmin } from "./admin/start-admin.js";
import type { CliHost, ExitCode } from "./cli-host.js";
import { COMMANDS } from "./commands/index.js";
import { nearest } from "./config/nearest.js";
import { withConfig } from "./config/with-config.js";
import { routeDebugThrough } from "./debug-log.js";
import { createProgram, type Flags, VARIABLES } from "./flags.js";
import { hideSecrets } from "./hide-secrets.js";
import { LineLogger } from "./logger.js";
import { Redactor } from "./redactor.js";
import { checkMappings, checkRegistryFiles } from "./registry/registry-options.js";
import { bridgeOptions, type CreateBridge, type RunnableBridge, runBridge } from "./run-bridge.js";
import { readSettings, type Settings } from "./settings.js";
import { readTokenFile } from "./token-source.js";
import { UsageError } from "./usage-error.js";

export type { CliHost, ExitCode } from "./cli-host.js";

/** Runs the command line and resolves with its exit code; everything it has to say was then written. */
export async function runCli(
  host: CliHost,
  createBridge: CreateBridge = (options) => new Bridge(options),
): Promise<ExitCode> {
  const redactor = new Redactor();
  for (const secret of secretsOf(host)) redactor.addSecret(secret);
  // For every command; one with a log of its own takes it over.
  routeDebugThrough(
    new LineLogger({
      level: "error",
      format: "text",
      redactor,
      wallClock: host.wallClock,
      write: host.writeError,
    }),
  );
  const fail = (code: ExitCode, text: string): ExitCode => {
    host.writeError(`moq-bridge: ${oneLine(redactor.redact(text))}\n`);
    return code;
  };
  const parser = { error: "", help: "" };
  let exitCode: ExitCode = 0;
  const program = createProgram(async (flags, command) => {
    exitCode = await run(flags, command, host, redactor, createBridge);
  });
  const exit = (code: ExitCode) => {
    exitCode = code;
  };
  for (const define of COMMANDS) define(program, { host, redactor, exit });
  for (const command of [program, ...program.commands]) {
    const name = command.name();
    command.configureOutput({
      writeOut: host.writeOut,
      writeErr: (text) => {
        parser.error += text;
        parser.help = RUN_NAMES.has(name) ? "moq-bridge --help" : `moq-bridge ${name} --help`;
      },
    });
  }
  try {
    checkCommand(program, host.args);
    await program.parseAsync([...host.args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      return fail(2, `${withoutValues(parser.error)} (see ${parser.help})`);
    }
    if (error instanceof UsageError) return fail(2, error.message);
    return fail(1, messageOf(error));
  }
}

/** Commands whose flags `moq-bridge --help` shows. */
const RUN_NAMES: ReadonlySet<string> = new Set(["moq-bridge", "run"]);

/** A first word that is no command would be taken for an argument of `run`. It is not repeated: it may be a token. */
function checkCommand(program: Command, [first]: readonly string[]): void {
  if (first === undefined || first.startsWith("-")) return;
  const names = [...program.commands.map((command) => command.name()), "help"];
  if (names.includes(first)) return;
  const near = nearest(first, names);
  const hint = near === undefined ? names.join(", ") : `did you mean ${near}?`;
  throw new UsageError(`there is no such command; ${hint} (see moq-bridge --help)`);
}

async function run(
  given: Flags,
  command: Command,
  host: CliHost,
  redactor: Redactor,
  createBridge: CreateBridge,
): Promise<ExitCode> {
  const flags = withConfig(given, command, host);
  if (flags.relayToken !== undefined) redactor.addSecret(flags.relayToken);
  const settings = readSettings(flags, host.environment);
  hideSecrets(settings, redactor);
  await checkTokenFile(settings, redactor);
  await checkRegistryFiles(settings.registry, redactor);
  const log = new LineLogger({
    level: settings.logLevel,
    format: settings.logFormat,
    redactor,
    wallClock: host.wallClock,
    write: host.writeError,
  });
  routeDebugThrough(log);
  await checkMappings(settings.registry, log, redactor);
  const uncaught = new Promise<never>((_, reject) => host.onUncaught(reject));
  try {
    const bridge = createBridge(bridgeOptions(settings, log, redactor));
    const admin = await serveAdmin(settings, bridge, { host, log, redactor });
    await Promise.race([runBridge(settings, log, bridge, host.stopRequested), uncaught]);
    await admin?.stop();
    return 0;
  } catch (error) {
    if (error instanceof Error) log.debug(String(error.stack));
    log.error(oneLine(messageOf(error)));
    return 1;
  }
}

async function serveAdmin(
  { admin, relay, cloudflare }: Settings,
  bridge: RunnableBridge,
  { host, log, redactor }: { host: CliHost; log: LineLogger; redactor: Redactor },
): Promise<RunningAdmin | undefined> {
  if (!admin) return undefined;
  const running = await startAdmin({
    ...admin,
    bridge,
    log,
    redactor,
    wallClock: host.wallClock,
    relayUrl: relay.url.origin,
    cloudflareUrl: cloudflare.url.origin,
  });
  log.info("admin: listening", { host: admin.host, port: running.port });
  return running;
}

/** A file that cannot be read at start is a wrong setting; later it is an outage. */
async function checkTokenFile(settings: Settings, redactor: Redactor): Promise<void> {
  const { token } = settings.relay;
  if (token === undefined || "value" in token) return;
  try {
    await readTokenFile(token.file, redactor);
  } catch (error) {
    throw new UsageError(`--relay-token-file: ${messageOf(error)}`);
  }
}

/** What may be a token, known before the arguments were understood. */
function secretsOf({ args, environment }: CliHost): string[] {
  const secrets = [environment[VARIABLES.relayToken]];
  args.forEach((arg, index) => {
    if (arg === "--relay-token") secrets.push(args[index + 1]);
    if (arg.startsWith("--relay-token=")) secrets.push(arg.slice(arg.indexOf("=") + 1));
  });
  return secrets.filter((secret) => secret !== undefined);
}

/** The parser repeats a misspelt flag together with its value, which may be a token. */
function withoutValues(text: string): string {
  return text.replace(/^error: /, "").replace(/(--[\w-]+)=[^'\s]*/g, "$1");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}
