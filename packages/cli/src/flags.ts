import { DEFAULT_HOLD_MS, DEFAULT_MAX_SESSIONS } from "@moq-bridge/bridge";
import { cloudflare } from "@moq-bridge/moq-ietf14-session";
import { Command, InvalidArgumentError, Option } from "commander";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "./logger.js";
import { readPackageFile } from "./package-files.js";

export const DIRECTIONS = ["both", "to-cloudflare", "to-relay"] as const;
/** Which way broadcasts are carried. */
export type Direction = (typeof DIRECTIONS)[number];

/** The flags of `run`, as given. */
export interface Flags {
  readonly relayUrl?: string;
  readonly cloudflareUrl?: string;
  readonly registryUrl: readonly string[];
  readonly registryFile: readonly string[];
  readonly registryMapping: readonly string[];
  readonly registryWriteTokenFile?: string;
  readonly registryWriteUrl?: string;
  readonly stream: readonly string[];
  readonly relayToken?: string;
  readonly relayTokenFile?: string;
  readonly pollInterval?: string;
  readonly direction: Direction;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly toCloudflareAllow: readonly string[];
  readonly toCloudflareDeny: readonly string[];
  readonly toCloudflareStrip?: string;
  readonly toCloudflareAdd?: string;
  readonly toRelayAllow: readonly string[];
  readonly toRelayDeny: readonly string[];
  readonly toRelayStrip?: string;
  readonly toRelayAdd?: string;
  readonly announcePrefix?: string;
  readonly requestLimit?: string;
  readonly maxSessions?: string;
  readonly writeOnce: readonly string[];
  readonly hold?: string;
  readonly probe?: string;
  readonly relayTlsCa?: string;
  readonly relayTlsFingerprint: readonly string[];
  readonly relayTlsInsecure?: boolean;
  readonly cloudflareTlsCa?: string;
  readonly cloudflareTlsFingerprint: readonly string[];
  readonly cloudflareTlsInsecure?: boolean;
  readonly tlsDisableVerify?: boolean;
  readonly insecureWs?: boolean;
  readonly admin?: string;
  readonly adminTokenFile?: string;
  readonly config?: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** The environment variables that stand in for flags. */
export const VARIABLES = {
  relayUrl: "EARTHSEED_RELAY_URL",
  cloudflareUrl: "CLOUDFLARE_RELAY_URL",
  registryUrl: "STREAM_REGISTRY_URL",
  relayToken: "RELAY_TOKEN",
  pollInterval: "POLL_INTERVAL",
} as const;

/** This package's version. */
export const VERSION: string = JSON.parse(readPackageFile("package.json")).version;

/** The command line. `run` is called with the flags of the default command, and with that command. */
export function createProgram(run: (flags: Flags, command: Command) => Promise<void>): Command {
  const program = new Command("moq-bridge")
    .description("Carries live streams between a moq-lite relay and Cloudflare's MoQ network.")
    .version(VERSION)
    .exitOverride();
  const command = program
    .command("run", { isDefault: true })
    .description("run the bridge until SIGINT or SIGTERM (the default: flags alone are enough)")
    .allowExcessArguments(false)
    .action(run);
  for (const option of runOptions()) command.addOption(option);
  program.addHelpText("after", () => `\n${command.helpInformation()}`);
  return program;
}

/** The flags of `run`, from which the configuration file takes its settings. */
export function runOptions(): Option[] {
  return [
    new Option(
      "--relay-url <url>",
      `the moq-lite relay: https://, wss:// or ws:// (env ${VARIABLES.relayUrl})`,
    ),
    new Option(
      "--cloudflare-url <url>",
      `Cloudflare's relay: https:// (env ${VARIABLES.cloudflareUrl})`,
    ),
    repeatable(
      "--registry-url <url>",
      `what is live on Cloudflare: http:// or https:// (env ${VARIABLES.registryUrl})`,
    ),
    repeatable("--registry-file <file>", "the same from a JSON file, read again when it changes"),
    repeatable("--stream <path>", "a stream that is always taken for live on Cloudflare"),
    repeatable("--registry-mapping <file>", "how a registry of another shape is read (JSON)"),
    new Option(
      "--registry-write-token-file <file>",
      "holds the token for listing the relay's streams in the first registry",
    ),
    new Option("--registry-write-url <url>", "list them there instead"),
    new Option("--relay-token <token>", `sent to the relay as ?jwt= (env ${VARIABLES.relayToken})`),
    new Option("--relay-token-file <file>", "holds that token; read before each connect"),
    new Option(
      "--poll-interval <seconds>",
      `how often the registry is asked, default 5 (env ${VARIABLES.pollInterval})`,
    ),
    new Option("--direction <way>", "what is carried").choices(DIRECTIONS).default("both"),
    repeatable(
      "--allow <pattern>",
      "carry only these paths; * is one segment or a part of it, ** any number",
    ),
    repeatable("--deny <pattern>", "never carry these paths; stronger than --allow"),
    ...mapOptions("to-cloudflare", "the relay's broadcasts"),
    ...mapOptions("to-relay", "streams on Cloudflare"),
    ...termOptions(),
    new Option("--relay-tls-ca <file>", "trust these certificate authorities (PEM) for the relay"),
    repeatable("--relay-tls-fingerprint <sha256>", "accept the relay's certificate by its SHA-256"),
    new Option("--relay-tls-insecure", "accept any certificate of the relay"),
    new Option("--cloudflare-tls-ca <file>", "the same for Cloudflare's side"),
    repeatable("--cloudflare-tls-fingerprint <sha256>", "the same for Cloudflare's side"),
    new Option("--cloudflare-tls-insecure", "the same for Cloudflare's side"),
    new Option("--tls-disable-verify", "both insecure flags, for loopback and private hosts only"),
    new Option("--insecure-ws", "allow a token over ws:// beyond this machine"),
    new Option("--admin <address>", "serve health, status and metrics at this HOST:PORT"),
    new Option("--admin-token-file <file>", "opens --admin; needed beyond this machine"),
    new Option("--config <file>", "settings in JSON; flags and variables are stronger"),
    new Option("--log-level <level>", "write lines of this level and above")
      .choices(LOG_LEVELS)
      .default("info"),
    new Option("--log-format <format>", "how lines are written")
      .choices(LOG_FORMATS)
      .default("text"),
  ];
}

/** What is carried one way, and by what names. */
function mapOptions(way: "to-cloudflare" | "to-relay", what: string): Option[] {
  return [
    repeatable(`--${way}-allow <pattern>`, `as --allow, of ${what} only`),
    repeatable(`--${way}-deny <pattern>`, `as --deny, of ${what} only`),
    new Option(`--${way}-strip <path>`, `carry only ${what} below this path, and leave it out`),
    new Option(`--${way}-add <path>`, `show ${what} below this path`),
  ];
}

/** How to live with Cloudflare's terms. */
function termOptions(): Option[] {
  return [
    new Option(
      "--announce-prefix <path>",
      "announce this once for all broadcasts shown below it; saves requests, not streams",
    ),
    new Option(
      "--request-limit <count>",
      "requests made on one session with Cloudflare; default: what it grants",
    ),
    new Option(
      "--max-sessions <count>",
      `sessions with Cloudflare at once, default ${DEFAULT_MAX_SESSIONS}`,
    ),
    repeatable(
      "--write-once <pattern>",
      "tracks written once in a long while, whose newest group is kept for late viewers",
      cloudflare.writeOnceTracks.join(", "),
    ),
    new Option(
      "--hold <seconds>",
      `how long a viewer waits for a track that is not on Cloudflare yet, default ${DEFAULT_HOLD_MS / 1000}`,
    ),
    new Option(
      "--probe <track>",
      "look for streams that nobody watches by this track, one request a minute each",
    ),
  ];
}

/** An option that may be given several times, one value each. */
export function repeatable(flags: string, description: string, none = "none"): Option {
  const collect = (value: string, previous: readonly string[]) => {
    if (value.trim() === "") throw new InvalidArgumentError("It is empty.");
    return [...previous, value];
  };
  return new Option(flags, `${description} (repeatable)`).default([], none).argParser(collect);
}
