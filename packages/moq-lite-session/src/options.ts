import type { LiteVersion, Probe } from "@moq-bridge/moq-wire/lite";
import type { OriginConsumer, OriginProducer } from "@moq-bridge/origin";
import type { MoqError, Runtime } from "@moq-bridge/runtime";
import type { Counters } from "./counters.js";
import type { LiteProfile } from "./profile.js";

/** Time limits and bounds of a session. */
export interface LiteLimits {
  /** Longest SETUP, in milliseconds. */
  readonly setupMs: number;
  /** Longest wait for the peer to admit one more stream, in milliseconds. */
  readonly openMs: number;
  /** How long a subscription is kept after the Origin's demand ended, in milliseconds. The Origin has an idle time of its own before that. */
  readonly idleMs: number;
  /** What our SUBSCRIBE asks for: how long an unfinished group is still wanted once a newer one exists, in milliseconds. */
  readonly maxLatencyMs: number;
  /** How long a group may wait for its turn before its reader counts as too far behind, in milliseconds. */
  readonly behindMs: number;
  /** How long groups under way are waited for once a track has ended, in milliseconds. */
  readonly endMs: number;
  /** Bytes of groups held because their subscription was not answered yet. */
  readonly heldBytes: number;
  /** Silence after which lite-03 and lite-04 peers count as having announced what they had, in milliseconds. */
  readonly announceQuietMs: number;
  /** How long a FETCH may take to find its group, in milliseconds. */
  readonly fetchMs: number;
  /** Broadcasts a peer may announce. */
  readonly broadcasts: number;
}

/** The limits of a session that says nothing. */
export const DEFAULT_LIMITS: LiteLimits = {
  setupMs: 10_000,
  openMs: 10_000,
  idleMs: 0,
  maxLatencyMs: 5_000,
  behindMs: 500,
  endMs: 500,
  heldBytes: 1024 * 1024,
  announceQuietMs: 200,
  fetchMs: 2_000,
  broadcasts: 65_536,
};

/** What a session needs. */
export interface LiteSessionOptions {
  readonly runtime: Runtime;
  /** Our hop id, not 0: the same for every session that shares these Origins. */
  readonly originId: bigint;
  /** Announced and served to the peer. */
  readonly publish?: OriginConsumer;
  /** Filled with what the peer announces. */
  readonly subscribe?: OriginProducer;
  readonly limits?: Partial<LiteLimits>;
  /**
   * What to assume of the peer. Default: `december2025` where the transport
   * agreed on no protocol, as that relay's does, else `current`.
   */
  readonly profile?: LiteProfile;
  /** What a SETUP exchange offers or takes, most wanted first. Default lite-02, lite-01. */
  readonly setupVersions?: readonly ("lite-01" | "lite-02")[];
}

/** How a session ended. */
export interface SessionEnd {
  readonly by: "local" | "peer" | "transport";
  /** The close code, `undefined` when the connection was lost without one. */
  readonly code: number | undefined;
  readonly reason: string;
  /** Absent after a close with code 0. */
  readonly error?: MoqError;
}

/** Counters of a session. */
export type LiteStats = { readonly version: LiteVersion } & Readonly<Counters>;

/** A moq-lite session. */
export interface LiteSession {
  readonly version: LiteVersion;
  /** Whether announcements carry the ids of the origins they came through, by which our own are told from others' (lite-04 and later). */
  readonly hasOrigins: boolean;
  /** Resolves once the session has ended; never rejects. */
  readonly closed: Promise<SessionEnd>;
  /**
   * Resolves once what the peer had announced at first is in `subscribe`; at once
   * without `subscribe`. lite-03 and lite-04 do not say when that is: there a
   * short silence counts. Rejects when the session ends before.
   */
  readonly announced: Promise<void>;
  /** Resolves with the address to go to (empty: the same) if the peer sends GOAWAY. */
  readonly goaway: Promise<string>;
  /**
   * Tells the peer to go to `uri`, empty for the same address (lite-04 and later).
   *
   * @throws {MoqError} `message_not_allowed` in an older version, `stream_limit`, `session_closed`
   */
  sendGoaway(uri?: string): Promise<void>;
  /**
   * What the peer reports of the connection (lite-03 and later), until it stops
   * or the session ends; empty when the peer measures nothing.
   *
   * @throws {MoqError} `message_not_allowed` in an older version, `stream_limit`, `session_closed`
   */
  probe(): AsyncGenerator<Probe, void, void>;
  /** Ends the session. The first call counts. */
  close(code?: number, reason?: string): void;
  stats(): LiteStats;
}
