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

interface Row {
  readonly broadcast: LiveBroadcast;
  readonly holder: string;
  readonly leaseEndsAt: number;
}

/** Keeps what is live in memory, for demos and tests; no history. */
export class MemoryStore implements Store {
  readonly #rows = new Map<string, Row>();

  async live(now: number, origin?: StreamOrigin): Promise<readonly LiveBroadcast[]> {
    await this.sweep(now);
    return [...this.#rows.values()]
      .map((row) => row.broadcast)
      .filter((broadcast) => origin === undefined || broadcast.origin === origin)
      .sort((a, b) => compareCodePoints(a.stream_id, b.stream_id));
  }

  async claim(claim: Claim): Promise<ClaimResult> {
    const { streamId, origin, holder, now } = claim;
    const current = this.#current(streamId, now);
    if (current && current.holder !== holder) {
      return { type: "held", leaseEndsAt: current.leaseEndsAt };
    }
    const same = current?.broadcast.origin === origin ? current : undefined;
    const leaseEndsAt = Math.max(claim.leaseEndsAt, same?.leaseEndsAt ?? 0);
    const broadcast: LiveBroadcast = {
      stream_id: streamId,
      origin,
      started_at: same ? same.broadcast.started_at : sqlTimestamp(now),
      viewer_count: claim.viewerCount ?? same?.broadcast.viewer_count ?? 0,
    };
    this.#rows.set(streamId, { broadcast, holder, leaseEndsAt });
    return { type: "live", created: !same, startedAt: broadcast.started_at, leaseEndsAt };
  }

  async end({ streamId, holder, now }: End): Promise<EndResult> {
    const current = this.#current(streamId, now);
    if (!current) return "not_live";
    if (current.holder !== holder) return "held";
    this.#rows.delete(streamId);
    return "ended";
  }

  async sweep(now: number): Promise<number> {
    let swept = 0;
    for (const [streamId, row] of this.#rows) {
      if (row.leaseEndsAt > now) continue;
      this.#rows.delete(streamId);
      swept++;
    }
    return swept;
  }

  #current(streamId: string, now: number): Row | undefined {
    const row = this.#rows.get(streamId);
    return row && row.leaseEndsAt > now ? row : undefined;
  }
}

/** The order of UTF-8 bytes, which is SQLite's; UTF-16 differs beyond the basic plane. */
function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0;
  const left = [...a];
  const right = [...b];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const difference = (left[index]?.codePointAt(0) ?? 0) - (right[index]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
