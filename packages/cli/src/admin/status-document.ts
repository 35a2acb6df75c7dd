import type { BridgeStatus, BroadcastState, SessionTraffic, SideTraffic } from "@moq-bridge/bridge";
import { durationQuantile } from "@moq-bridge/runtime";
import type { Redactor } from "../redactor.js";

/** One session, for people and programs; times in milliseconds since the Unix epoch. */
export interface SessionDocument {
  readonly connected: boolean;
  readonly since: number;
  /** Attempts that failed in a row. */
  readonly failures: number;
  /** Why it is down, or why its successor does not come up. */
  readonly reason: string | undefined;
  /** The last session in this place that was lost. */
  readonly lastLoss: { readonly at: number; readonly reason: string } | undefined;
  /** On Cloudflare's side: requests made, what it allows, names published and tracks read. */
  readonly requests?: number;
  readonly requestLimit?: number;
  readonly names?: number;
  readonly tracks?: number;
  /** Data streams open toward Cloudflare now. */
  readonly openStreams?: number;
}

/** Frames sent to a side: how long they were in the bridge. */
export interface LatencyDocument {
  readonly count: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

/** One side of the bridge. */
export interface SideDocument {
  /** The origin of its URL. */
  readonly url: string;
  readonly connected: boolean;
  /** Why not, where it is not. */
  readonly reason: string | undefined;
  readonly sessions: readonly SessionDocument[];
  /** Work that waits for a session with room. */
  readonly waiting: number;
  readonly traffic: Omit<SideTraffic, "addedLatency">;
  readonly addedLatency: LatencyDocument;
}

/** What `/status` answers and `moq-bridge status --json` prints. */
export interface StatusDocument {
  readonly version: string;
  readonly now: number;
  readonly startedAt: number;
  /** Whether both sides are connected and the registry has answered. */
  readonly ready: boolean;
  /** What is missing for that. */
  readonly missing: readonly string[];
  readonly relay: SideDocument;
  readonly cloudflare: SideDocument;
  /** All registries together. */
  readonly registry: BridgeStatus["registry"] | null;
  readonly registries: BridgeStatus["registries"];
  /** How listing the relay's streams in a registry goes. */
  readonly report: BridgeStatus["report"] | null;
  readonly relayToken: { readonly expiresAt: number; readonly expired: boolean } | null;
  readonly broadcasts: BridgeStatus["broadcasts"];
  readonly refused: BridgeStatus["refused"];
}

/** What the document needs beside the bridge's own status. */
export interface StatusContext {
  readonly version: string;
  readonly startedAt: number;
  readonly now: number;
  /** Origins of the URLs. */
  readonly relayUrl: string;
  readonly cloudflareUrl: string;
  readonly redactor: Redactor;
}

/** The bridge's status as one document without secrets. */
export function statusDocument(status: BridgeStatus, context: StatusContext): StatusDocument {
  const { version, startedAt, now, redactor } = context;
  const { lastError: reason, ...relay } = status.relay;
  const document: StatusDocument = {
    version,
    now,
    startedAt,
    ...readiness(status),
    relay: side(context.relayUrl, [{ ...relay, reason }], 0, status.traffic.relay),
    cloudflare: side(
      context.cloudflareUrl,
      status.cloudflare.sessions.map(({ lastError, ...session }) => ({
        ...session,
        reason: lastError,
      })),
      status.cloudflare.waiting,
      status.traffic.cloudflare,
    ),
    registry: status.registry ?? null,
    registries: status.registries,
    report: status.report ?? null,
    relayToken: tokenState(status.relayTokenExpiresAt, now),
    broadcasts: broadcastsOf(status),
    refused: status.refused,
  };
  return withoutSecrets(document, redactor) as StatusDocument;
}

/** Whether the bridge does all it is meant to do, and what is missing. */
export function readiness(status: BridgeStatus): { ready: boolean; missing: string[] } {
  const missing = [
    status.relay.connected ? undefined : "relay",
    status.cloudflare.sessions.some(({ connected }) => connected) ? undefined : "cloudflare",
    status.registry === undefined || status.registry.lastSuccess !== undefined
      ? undefined
      : "registry",
  ].filter((name) => name !== undefined);
  return { ready: missing.length === 0, missing };
}

function side(
  url: string,
  sessions: readonly SessionDocument[],
  waiting: number,
  { addedLatency, ...traffic }: SideTraffic,
): SideDocument {
  const connected = sessions.some((session) => session.connected);
  const down = sessions.find((session) => !session.connected);
  return {
    url,
    connected,
    reason: connected ? undefined : (down?.reason ?? "connecting"),
    sessions,
    waiting,
    traffic,
    addedLatency: latencyOf({ addedLatency }),
  };
}

function latencyOf({ addedLatency }: Pick<SessionTraffic, "addedLatency">): LatencyDocument {
  const { buckets, count } = addedLatency;
  return {
    count,
    p50Ms: durationQuantile(buckets, 0.5),
    p99Ms: durationQuantile(buckets, 0.99),
  };
}

const SHOWN: ReadonlySet<BroadcastState> = new Set(["announced", "silent"]);

/** What is shown on the relay is not while there is no session with it. */
function broadcastsOf({ broadcasts, relay }: BridgeStatus): BridgeStatus["broadcasts"] {
  if (relay.connected) return broadcasts;
  const reason = `no session with the relay${relay.lastError ? `: ${relay.lastError}` : ""}`;
  return broadcasts.map((broadcast) =>
    broadcast.direction === "to-relay" && SHOWN.has(broadcast.state)
      ? { ...broadcast, state: "waiting", reason, since: relay.since }
      : broadcast,
  );
}

function tokenState(expiresAt: number | undefined, now: number): StatusDocument["relayToken"] {
  return expiresAt === undefined ? null : { expiresAt, expired: expiresAt <= now };
}

/** Every text in it, names included, through the redactor. */
function withoutSecrets(value: unknown, redactor: Redactor): unknown {
  if (typeof value === "string") return redactor.redact(value);
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, redactor));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, withoutSecrets(item, redactor)]),
  );
}
