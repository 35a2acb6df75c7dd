import { Bridge } from "@moq-bridge/bridge";
import { CommanderError } from "commander";
import { routeDebugThrough } from "./debug-log.js";
import { createProgram, type Flags, VARIABLES } from "./flags.js";
import { LineLogger } from "./logger.js";
import { Redactor } from "./redactor.js";
import { bridgeOptions, type CreateBridge, runBridge } from "./run-bridge.js";
import { readSettings, type Settings } from "./settings.js";
import { readTokenFile } from "./token-source.js";
import { UsageError } from "./usage-error.js";

/** What the command line does of a process. */
export interface CliHost {
  /** The arguments after the command's own name. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the Unix epoch. */
  readonly wallClock: () => number;
  readonly writeOut: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Resolves with the signal's name when the process is asked to end. */
  readonly stopRequested: Promise<string>;
  /** Registers what is told of errors that nobody caught. */
  readonly onUncaught: (handle: (error: unknown) => void) => void;
}

/** How a run ended: 0 as asked, 1 by an error, 2 by settings that are missing or wrong. */
export type ExitCode = 0 | 1 | 2;

/** Runs the command line and resolves with its exit code; everything it has to say was then written. */
export async function runCli(
  host: CliHost,
  createBridge: CreateBridge = (options) => new Bridge(options),
): Promise<ExitCode> {
  const redactor = new Redactor();
  for (const secret of secretsOf(host)) redactor.addSecret(secret);
  const fail = (code: ExitCode, text: string): ExitCode => {
    host.writeError(`moq-bridge: ${oneLine(redactor.redact(text))}\n`);
    return code;
  };
  let parserError = "";
  let exitCode: ExitCode = 0;
  const program = createProgram(async (flags) => {
    exitCode = await run(flags, host, redactor, createBridge);
  });
  for (const command of [program, ...program.commands]) {
    command.configureOutput({
      writeOut: host.writeOut,
      writeErr: (text) => {
        parserError += text;
      },
    });
  }
  try {
    await program.parseAsync([...host.args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      return fail(2, `${withoutValues(parserError)} (see moq-bridge --help)`);
    }
    if (error instanceof UsageError) return fail(2, error.message);
    return fail(1, messageOf(error));
  }
}

async function run(
  flags: Flags,
  host: CliHost,
  redactor: Redactor,
  createBridge: CreateBridge,
): Promise<ExitCode> {
  const settings = readSettings(flags, host.environment);
  hideSecrets(settings, redactor);
  await checkTokenFile(settings, redactor);
  const log = new LineLogger({
    level: settings.logLevel,
    format: settings.logFormat,
    redactor,
    wallClock: host.wallClock,
    write: host.writeError,
  });
  routeDebugThrough(log);
  const uncaught = new Promise<never>((_, reject) => host.onUncaught(reject));
  try {
    const bridge = createBridge(bridgeOptions(settings, log, redactor));
    await Promise.race([runBridge(settings, log, bridge, host.stopRequested), uncaught]);
    return 0;
  } catch (error) {
    if (error instanceof Error) log.debug(String(error.stack));
    log.error(oneLine(messageOf(error)));
    return 1;
  }
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

function hideSecrets(settings: Settings, redactor: Redactor): void {
  const { relay, cloudflare, registry } = settings;
  for (const url of [relay.url, cloudflare.url, registry?.url]) if (url) redactor.addUrl(url.href);
  if (relay.token && "value" in relay.token) redactor.addSecret(relay.token.value);
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
