import { Bridge, type BridgeOptions } from "@moq-bridge/bridge";
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
import { printable } from "./printable.js";
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
  let tell = (error: unknown) =>
    host.writeError(`moq-bridge: ${printable(oneLine(redactor.redact(messageOf(error))))}\n`);
  const parser = { error: "", help: "" };
  let exitCode: ExitCode = 0;
  const program = createProgram((flags, command) =>
    run(flags, command, host, redactor, (options, log) => {
      tell = (error) => {
        if (error instanceof Error) log.debug(String(error.stack));
        log.error(oneLine(messageOf(error)));
      };
      return createBridge(options);
    }),
  );
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
  const uncaught = new Promise<never>((_, reject) => host.onUncaught(reject));
  try {
    checkCommand(program, host.args);
    await Promise.race([program.parseAsync([...host.args], { from: "user" }), uncaught]);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (error instanceof CommanderError) {
      tell(new UsageError(`${withoutValues(parser.error)} (see ${parser.help})`));
      return 2;
    }
    tell(error);
    return error instanceof UsageError ? 2 : 1;
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
  const hint = near === undefined ? `there are ${names.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(`there is no such command; ${hint} (see moq-bridge --help)`);
}

async function run(
  given: Flags,
  command: Command,
  host: CliHost,
  redactor: Redactor,
  createBridge: (options: BridgeOptions, log: LineLogger) => RunnableBridge,
): Promise<void> {
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
  const bridge = createBridge(bridgeOptions(settings, log, redactor), log);
  const admin = await serveAdmin(settings, bridge, { host, log, redactor });
  await runBridge(settings, log, bridge, host.stopRequested);
  await admin?.stop();
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
