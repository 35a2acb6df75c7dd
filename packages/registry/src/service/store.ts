/** Where a stream is published: on Cloudflare's network or on the relay. */
export const STREAM_ORIGINS = ["cloudflare", "earthseed"] as const;
export type StreamOrigin = (typeof STREAM_ORIGINS)[number];

/** Times are milliseconds since the Unix epoch unless they are text. */
export interface Claim {
  readonly streamId: string;
  readonly origin: StreamOrigin;
  /** Who publishes it: the subject of a token. */
  readonly holder: string;
  /** Left as it was when not given. */
  readonly viewerCount?: number | undefined;
  readonly now: number;
  readonly leaseEndsAt: number;
}

/** What came of a claim. */
export type ClaimResult =
  /** It is live, by this claim or an earlier one of the same holder. */
  | {
      readonly type: "live";
      readonly created: boolean;
      readonly startedAt: string | null;
      readonly leaseEndsAt: number;
    }
  /** Another holder has it until then, at least. */
  | { readonly type: "held"; readonly leaseEndsAt: number };

export interface End {
  readonly streamId: string;
  readonly holder: string;
  readonly now: number;
}

/** `not_live`: nothing to end, which is as good. */
export type EndResult = "ended" | "not_live" | "held";

/** One live stream as it is shown. */
export interface LiveBroadcast {
  readonly stream_id: string;
  readonly origin: string;
  /** `YYYY-MM-DD HH:MM:SS` with or without milliseconds, in UTC; rows from elsewhere may lack it. */
  readonly started_at: string | null;
  readonly viewer_count: number;
}

/**
 * Keeps which streams are live: one holder for each, until it ends the stream
 * or its lease runs out. Each operation is atomic.
 */
export interface Store {
  /** The live streams in the order of their ids by code point, all or those of one origin. */
  live(now: number, origin?: StreamOrigin): Promise<readonly LiveBroadcast[]>;
  /**
   * Starts a stream or extends its lease; a lease never gets shorter. A live
   * stream of the same holder with another origin ends and starts anew.
   */
  claim(claim: Claim): Promise<ClaimResult>;
  end(end: End): Promise<EndResult>;
  /** Closes the rows of leases that ran out; they were not shown any more. Gives their number. */
  sweep(now: number): Promise<number>;
}
