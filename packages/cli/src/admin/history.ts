import type { BridgeStatus, SideTraffic } from "@moq-bridge/bridge";
import { durationQuantile } from "@moq-bridge/runtime";

/** How many samples are kept: ten minutes. */
const KEPT = 600;

/** What happened between two looks at the bridge. `null` where nothing was sent. */
export interface Sample {
  /** Milliseconds since the Unix epoch, at the end. */
  readonly at: number;
  /** Sent to each side, in bits and frames per second. */
  readonly toRelayBits: number;
  readonly toCloudflareBits: number;
  readonly toRelayFrames: number;
  readonly toCloudflareFrames: number;
  /** Added latency of the frames sent to either side, in milliseconds. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Tracks read by either side at that moment. */
  readonly subscriptions: number;
}

/** The last minutes of the bridge's traffic, a sample each time it is told. */
export class History {
  #samples: Sample[] = [];
  #last: { readonly at: number; readonly traffic: BridgeStatus["traffic"] } | undefined;

  /** Takes the traffic so far, at a time in milliseconds since the Unix epoch. */
  add(at: number, traffic: BridgeStatus["traffic"]): void {
    const last = this.#last;
    this.#last = { at, traffic };
    if (!last || at <= last.at) return;
    const seconds = (at - last.at) / 1000;
    const rate = (side: "relay" | "cloudflare", what: "bytesSent" | "framesSent") =>
      (traffic[side][what] - last.traffic[side][what]) / seconds;
    const buckets = latencyBetween(last.traffic, traffic);
    this.#samples.push({
      at,
      toRelayBits: 8 * rate("relay", "bytesSent"),
      toCloudflareBits: 8 * rate("cloudflare", "bytesSent"),
      toRelayFrames: rate("relay", "framesSent"),
      toCloudflareFrames: rate("cloudflare", "framesSent"),
      p50Ms: durationQuantile(buckets, 0.5) ?? null,
      p99Ms: durationQuantile(buckets, 0.99) ?? null,
      subscriptions: traffic.relay.servedSubscriptions + traffic.cloudflare.servedSubscriptions,
    });
    if (this.#samples.length > KEPT) this.#samples = this.#samples.slice(-KEPT);
  }

  /** Samples taken after `time`, oldest first. */
  since(time: number): readonly Sample[] {
    return this.#samples.filter(({ at }) => at > time);
  }
}

function latencyBetween(before: BridgeStatus["traffic"], after: BridgeStatus["traffic"]): number[] {
  const all = ({ relay, cloudflare }: { relay: SideTraffic; cloudflare: SideTraffic }) => {
    const other = cloudflare.addedLatency.buckets;
    return relay.addedLatency.buckets.map((count, bucket) => count + (other[bucket] ?? 0));
  };
  const earlier = all(before);
  return all(after).map((count, bucket) => count - (earlier[bucket] ?? 0));
}
