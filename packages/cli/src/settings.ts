import type { MapOptions } from "@moq-bridge/bridge";
import { carriesToken, isCloudflare, isLoopback, type TlsTrust } from "@moq-bridge/transport";
import { type AdminSettings, readAdminSettings } from "./admin/admin-settings.js";
import {
  type CloudflareTerms,
  readCloudflareTerms,
  readMaps,
  readStreamTerms,
  refuseOtherDirection,
  type StreamTerms,
} from "./carrying-settings.js";
import { type Direction, type Flags, VARIABLES } from "./flags.js";
import { isLoopbackOrPrivate } from "./hosts.js";
import type { LogFormat, LogLevel } from "./logger.js";
import {
  type RegistrySettings,
  readRegistrySettings,
  registryUrlsOf,
} from "./registry/registry-settings.js";
import { readTrust } from "./tls-settings.js";
import { UsageError } from "./usage-error.js";

/** Everything `run` needs, checked. */
export interface Settings {
  readonly relay: {
    readonly url: URL;
    readonly token: TokenSetting | undefined;
    readonly tls: TlsTrust;
    readonly insecureWs: boolean;
  };
  readonly cloudflare: { readonly url: URL; readonly tls: TlsTrust } & CloudflareTerms;
  readonly registry: RegistrySettings;
  readonly direction: Direction;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** What further holds for one direction. */
  readonly toCloudflare: MapOptions;
  readonly toRelay: MapOptions;
  readonly streams: StreamTerms;
  /** Where health, status and metrics are served; `undefined`: nowhere. */
  readonly admin: AdminSettings | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** Where the relay's token comes from. */
export type TokenSetting = { readonly value: string } | { readonly file: string };

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_POLL_INTERVAL = "5";
/** The shortest and longest poll interval, in seconds. */
const POLL_INTERVAL = { least: 0.1, most: 86_400 };

/**
 * The settings that flags and, where a flag is missing, environment variables give.
 *
 * @throws {UsageError}
 */
export function readSettings(flags: Flags, environment: Environment): Settings {
  const given = withVariables(flags, environment);
  refuseOtherDirection(flags);
  const { relayUrl, cloudflareUrl } = given;
  const registryUrls = registryUrlsOf(flags, environment);
  const named = [...registryUrls, ...flags.registryFile, ...flags.stream];
  const needsRegistry = flags.direction !== "to-cloudflare" && named.length === 0;
  if (!relayUrl || !cloudflareUrl || needsRegistry) {
    throw missing({
      relayUrl,
      cloudflareUrl,
      ...(needsRegistry ? { registryUrl: undefined } : {}),
    });
  }
  const relay = readUrl("--relay-url", relayUrl, ["https:", "wss:", "ws:"]);
  const cloudflare = readUrl("--cloudflare-url", cloudflareUrl, ["https:"]);
  const pollIntervalMs = readPollInterval(given.pollInterval ?? DEFAULT_POLL_INTERVAL);
  const token = readToken(flags, given.relayToken, relay);
  checkTokenTransport(relay, token, flags);
  const insecureBoth = flags.tlsDisableVerify === true;
  if (insecureBoth) checkVerificationCanBeOff({ relay, cloudflare });
  return {
    relay: {
      url: relay,
      token,
      insecureWs: flags.insecureWs === true,
      tls: readTrust({
        flagPrefix: "--relay-tls",
        urlName: "--relay-url",
        url: relay,
        caFile: flags.relayTlsCa,
        fingerprints: flags.relayTlsFingerprint,
        insecure: flags.relayTlsInsecure,
        insecureBoth,
      }),
    },
    cloudflare: {
      url: cloudflare,
      ...readCloudflareTerms(flags),
      tls: readTrust({
        flagPrefix: "--cloudflare-tls",
        urlName: "--cloudflare-url",
        url: cloudflare,
        caFile: flags.cloudflareTlsCa,
        fingerprints: flags.cloudflareTlsFingerprint,
        insecure: flags.cloudflareTlsInsecure,
        insecureBoth,
      }),
    },
    registry: readRegistrySettings(
      flags,
      registryUrls.map((text) => readUrl("--registry-url", text, ["http:", "https:"])),
      pollIntervalMs,
    ),
    direction: flags.direction,
    allow: flags.allow,
    deny: flags.deny,
    ...readMaps(flags),
    streams: readStreamTerms(flags),
    admin: readAdmin(flags),
    logLevel: flags.logLevel,
    logFormat: flags.logFormat,
  };
}

function readAdmin({ admin, adminTokenFile }: Flags): AdminSettings | undefined {
  if (admin !== undefined) return readAdminSettings(admin, adminTokenFile);
  if (adminTokenFile === undefined) return undefined;
  throw new UsageError("--admin-token-file needs --admin HOST:PORT");
}

type WithVariable = Exclude<keyof typeof VARIABLES, "registryUrl">;

/** An empty value counts as not given, as in `RELAY_TOKEN= moq-bridge`. */
function withVariables(flags: Flags, environment: Environment) {
  const read = (name: WithVariable) =>
    (flags[name] ?? environment[VARIABLES[name]])?.trim() || undefined;
  return {
    relayUrl: read("relayUrl"),
    cloudflareUrl: read("cloudflareUrl"),
    pollInterval: read("pollInterval"),
    // A file given as a flag is meant more than a variable that happens to be set.
    relayToken:
      flags.relayTokenFile !== undefined && flags.relayToken === undefined
        ? undefined
        : read("relayToken"),
  };
}

const FLAG_OF = {
  relayUrl: "--relay-url",
  cloudflareUrl: "--cloudflare-url",
  registryUrl: "--registry-url",
} as const;

function missing(values: Partial<Record<keyof typeof FLAG_OF, string | undefined>>): UsageError {
  const names = (Object.keys(values) as (keyof typeof FLAG_OF)[]).filter((name) => !values[name]);
  const list = names.map((name) => `${FLAG_OF[name]} <url> (or ${VARIABLES[name]})`).join(", ");
  const onlyRegistry = names.length === 1 && names[0] === "registryUrl";
  const nothing = !values.relayUrl && !values.cloudflareUrl;
  const otherwise = onlyRegistry
    ? ", or --direction to-cloudflare to do without"
    : nothing
      ? "; or see it at work without any: moq-bridge demo"
      : "";
  return new UsageError(`give ${list}${otherwise}`);
}

/** The address is not repeated in the error: it may hold a token. */
function readUrl(flag: string, text: string, schemes: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const wanted = schemes.map((scheme) => `${scheme}//`).join(" or ");
  if (!url) throw new UsageError(`${flag} is not a URL; give one that begins with ${wanted}`);
  if (!schemes.includes(url.protocol)) {
    throw new UsageError(
      `${flag} begins with ${url.protocol}//; give one that begins with ${wanted}`,
    );
  }
  if (flag !== "--registry-url" && (url.username !== "" || url.password !== "")) {
    throw new UsageError(`${flag} must not contain a user name or password`);
  }
  return url;
}

function readPollInterval(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= POLL_INTERVAL.least && seconds <= POLL_INTERVAL.most)) {
    throw new UsageError(
      `--poll-interval (or ${VARIABLES.pollInterval}) must be ${POLL_INTERVAL.least} to ${POLL_INTERVAL.most} seconds`,
    );
  }
  return seconds * 1000;
}

function readToken(flags: Flags, value: string | undefined, relay: URL): TokenSetting | undefined {
  if (flags.relayToken !== undefined && flags.relayTokenFile !== undefined) {
    throw new UsageError("give --relay-token or --relay-token-file, not both");
  }
  const token =
    flags.relayTokenFile === undefined ? value && { value } : { file: flags.relayTokenFile };
  if (token && relay.searchParams.has("jwt")) {
    throw new UsageError("--relay-url has a jwt= already; give the token once");
  }
  return token || undefined;
}

function checkTokenTransport(relay: URL, token: TokenSetting | undefined, flags: Flags): void {
  const secret = token !== undefined || carriesToken(relay);
  if (!secret || relay.protocol !== "ws:" || isLoopback(relay.hostname) || flags.insecureWs) return;
  throw new UsageError(
    "a token over ws:// can be read on the way; give a wss:// or https:// --relay-url, or --insecure-ws",
  );
}

function checkVerificationCanBeOff(urls: { readonly relay: URL; readonly cloudflare: URL }): void {
  for (const [side, url] of Object.entries(urls)) {
    if (isLoopbackOrPrivate(url)) continue;
    const instead = isCloudflare(url.hostname)
      ? "leave it out"
      : `give --${side}-tls-ca or --${side}-tls-fingerprint for ${url.host}`;
    throw new UsageError(`--tls-disable-verify is for loopback and private hosts only; ${instead}`);
  }
}
