import { type MapOptions, neverCrosses } from "@moq-bridge/bridge";
import type { Flags } from "./flags.js";
import { UsageError } from "./usage-error.js";

/** What of Cloudflare's side is used, and how. */
export interface CloudflareTerms {
  readonly announcePrefix?: string | undefined;
  readonly requestLimit?: number | undefined;
  readonly maxSessions?: number | undefined;
  readonly writeOnceTracks?: readonly string[] | undefined;
}

/** How streams on Cloudflare are shown on the relay. */
export interface StreamTerms {
  readonly holdMs?: number | undefined;
  readonly probeTrack?: string | undefined;
}

/** The longest hold, in seconds. */
const MAX_HOLD = 600;
const MAX_COUNT = 1_000_000;

/** The flags that mean nothing where only the other direction is carried. */
const OF_DIRECTION = {
  "to-relay": {
    "--to-cloudflare-allow": "toCloudflareAllow",
    "--to-cloudflare-deny": "toCloudflareDeny",
    "--to-cloudflare-strip": "toCloudflareStrip",
    "--to-cloudflare-add": "toCloudflareAdd",
    "--announce-prefix": "announcePrefix",
    "--write-once": "writeOnce",
  },
  "to-cloudflare": {
    "--to-relay-allow": "toRelayAllow",
    "--to-relay-deny": "toRelayDeny",
    "--to-relay-strip": "toRelayStrip",
    "--to-relay-add": "toRelayAdd",
    "--hold": "hold",
    "--probe": "probe",
  },
} as const;

/** @throws {UsageError} for a flag of a direction that is not carried */
export function refuseOtherDirection(flags: Flags): void {
  if (flags.direction === "both") return;
  for (const [flag, key] of Object.entries(OF_DIRECTION[flags.direction])) {
    const value = flags[key];
    if (value === undefined || value.length === 0) continue;
    throw new UsageError(`give ${flag} or --direction ${flags.direction}, not both`);
  }
}

/** What is carried in each direction, and by what names. @throws {UsageError} */
export function readMaps(flags: Flags): Record<"toCloudflare" | "toRelay", MapOptions> {
  return {
    toCloudflare: {
      allow: flags.toCloudflareAllow,
      deny: flags.toCloudflareDeny,
      strip: readPath("--to-cloudflare-strip", flags.toCloudflareStrip),
      add: readPath("--to-cloudflare-add", flags.toCloudflareAdd),
    },
    toRelay: {
      allow: flags.toRelayAllow,
      deny: flags.toRelayDeny,
      strip: readPath("--to-relay-strip", flags.toRelayStrip),
      add: readPath("--to-relay-add", flags.toRelayAdd),
    },
  };
}

/** @throws {UsageError} */
export function readCloudflareTerms(flags: Flags): CloudflareTerms {
  return {
    announcePrefix: readPath("--announce-prefix", flags.announcePrefix),
    requestLimit: readCount("--request-limit", flags.requestLimit),
    maxSessions: readCount("--max-sessions", flags.maxSessions),
    writeOnceTracks: flags.writeOnce.length > 0 ? flags.writeOnce : undefined,
  };
}

/** @throws {UsageError} */
export function readStreamTerms(flags: Flags): StreamTerms {
  if (flags.probe === "") throw new UsageError("--probe is empty; give a track's name");
  return { holdMs: readHold(flags.hold), probeTrack: flags.probe };
}

function readPath(flag: string, path: string | undefined): string | undefined {
  if (path === undefined || !neverCrosses(path)) return path;
  throw new UsageError(
    `${flag} must be a path as a/b: no part of it empty or beginning with a dot, not below internal/`,
  );
}

function readCount(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (count >= 1 && count <= MAX_COUNT) return count;
  throw new UsageError(`${flag} must be a whole number, 1 to ${MAX_COUNT}`);
}

function readHold(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MAX_HOLD) return seconds * 1000;
  throw new UsageError(`--hold must be 0 to ${MAX_HOLD} seconds`);
}
