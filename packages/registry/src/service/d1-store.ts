import type {
  Claim,
  ClaimResult,
  End,
  EndResult,
  LiveBroadcast,
  Store,
  StreamOrigin,
} from "./store.js";
import { sqlTimestamp } from "./timestamp.js";

/** What is used of Cloudflare's `D1Database`. */
export interface D1 {
  prepare(sql: string): D1Statement;
  /** One transaction. */
  batch<Row>(statements: D1Statement[]): Promise<{ readonly results: Row[] }[]>;
}

/** What is used of Cloudflare's `D1PreparedStatement`. */
export interface D1Statement {
  bind(...values: unknown[]): D1Statement;
  all<Row>(): Promise<{ readonly results: Row[] }>;
}

/** One indexed query: broadcast_events_live holds all of its columns, in its order. */
export const LIVE_SQL = `SELECT stream_id, origin, started_at, viewer_count
FROM broadcast_events INDEXED BY broadcast_events_live
WHERE ended_at IS NULL AND lease_expires_at > ?1 AND (?2 IS NULL OR origin = ?2)
ORDER BY stream_id`;

/** `datetime` would round to seconds, and a lease that ran out ended when it ran out. */
const LEASE_END = "strftime('%Y-%m-%d %H:%M:%f', lease_expires_at / 1000.0, 'unixepoch')";

const CLOSE_EXPIRED_SQL = `UPDATE broadcast_events SET ended_at = ${LEASE_END}
WHERE stream_id = ?1 AND ended_at IS NULL AND lease_expires_at <= ?2`;

const CLOSE_MOVED_SQL = `UPDATE broadcast_events SET ended_at = ?3
WHERE stream_id = ?1 AND ended_at IS NULL AND holder = ?2 AND origin IS NOT ?4`;

const CLAIM_SQL = `INSERT INTO broadcast_events
(user_id, holder, stream_id, origin, started_at, lease_expires_at, viewer_count)
VALUES (?1, ?1, ?2, ?3, ?4, ?5, COALESCE(?6, 0))
ON CONFLICT (stream_id) WHERE ended_at IS NULL DO UPDATE SET
lease_expires_at = MAX(broadcast_events.lease_expires_at, excluded.lease_expires_at),
viewer_count = COALESCE(?6, broadcast_events.viewer_count)
WHERE broadcast_events.holder = excluded.holder
RETURNING started_at, lease_expires_at`;

const CURRENT_SQL = `SELECT id, holder, lease_expires_at FROM broadcast_events
WHERE stream_id = ?1 AND ended_at IS NULL AND lease_expires_at > ?2`;

const END_SQL = `UPDATE broadcast_events SET ended_at = ?3
WHERE stream_id = ?1 AND ended_at IS NULL AND holder = ?2 AND lease_expires_at > ?4
RETURNING id`;

const SWEEP_SQL = `UPDATE broadcast_events SET ended_at = ${LEASE_END}
WHERE ended_at IS NULL AND lease_expires_at <= ?1
RETURNING id`;

interface Row {
  readonly id: number;
  readonly holder: string;
  readonly started_at: string | null;
  readonly lease_expires_at: number;
}

/** Keeps broadcasts in Cloudflare D1, with their history; the tables are in `migrations/`. */
export class D1Store implements Store {
  readonly #database: D1;

  constructor(database: D1) {
    this.#database = database;
  }

  async live(now: number, origin?: StreamOrigin): Promise<readonly LiveBroadcast[]> {
    const { results } = await this.#prepare(LIVE_SQL, now, origin ?? null).all<LiveBroadcast>();
    return results;
  }

  async claim(claim: Claim): Promise<ClaimResult> {
    const { streamId, origin, holder, now, leaseEndsAt } = claim;
    const before = this.#prepare(CURRENT_SQL, streamId, now);
    const closeExpired = this.#prepare(CLOSE_EXPIRED_SQL, streamId, now);
    const closeMoved = this.#prepare(CLOSE_MOVED_SQL, streamId, holder, sqlTimestamp(now), origin);
    const upsert = this.#prepare(
      CLAIM_SQL,
      holder,
      streamId,
      origin,
      sqlTimestamp(now),
      leaseEndsAt,
      claim.viewerCount ?? null,
    );
    const after = this.#prepare(CURRENT_SQL, streamId, now);
    const results = await this.#database.batch<Row>([
      closeExpired,
      before,
      closeMoved,
      upsert,
      after,
    ]);
    const [, [known] = [], , [claimed] = [], [current] = []] = results.map((each) => each.results);
    if (claimed) {
      return {
        type: "live",
        created: known?.id !== current?.id,
        startedAt: claimed.started_at,
        leaseEndsAt: claimed.lease_expires_at,
      };
    }
    return { type: "held", leaseEndsAt: current?.lease_expires_at ?? now };
  }

  async end({ streamId, holder, now }: End): Promise<EndResult> {
    const [ended, current] = await this.#database.batch<Row>([
      this.#prepare(END_SQL, streamId, holder, sqlTimestamp(now), now),
      this.#prepare(CURRENT_SQL, streamId, now),
    ]);
    if (ended && ended.results.length > 0) return "ended";
    return current && current.results.length > 0 ? "held" : "not_live";
  }

  async sweep(now: number): Promise<number> {
    const { results } = await this.#prepare(SWEEP_SQL, now).all<Row>();
    return results.length;
  }

  #prepare(sql: string, ...values: unknown[]): D1Statement {
    return this.#database.prepare(sql).bind(...values);
  }
}
