import type { BroadcastStatus } from "@moq-bridge/bridge";
import type { Origin } from "@moq-bridge/origin";
import type { BroadcastSpec } from "./content.js";
import { Latencies } from "./latencies.js";
import { PublishedTrack } from "./published-track.js";
import { type CheckCounts, TrackCheck } from "./track-check.js";

/** Which way a stream of the demo goes, as the bridge calls it. */
export type DemoDirection = BroadcastStatus["direction"];

/** One track with its viewer beside the publisher and its viewer beyond the bridge. */
export interface DemoTrack {
  readonly published: PublishedTrack;
  readonly near: TrackCheck;
  readonly far: TrackCheck;
}

/** One broadcast of the demo and all who watch it. */
export class DemoStream {
  readonly path: string;
  /** The path's last part. */
  readonly name: string;
  readonly direction: DemoDirection;
  readonly tracks: readonly DemoTrack[];
  readonly latencies = new Latencies();

  constructor(spec: BroadcastSpec, direction: DemoDirection, origin: Origin) {
    const side = direction === "to-cloudflare" ? "relay" : "cloudflare";
    this.path = `demo/${side}/${spec.name}`;
    this.name = spec.name;
    this.direction = direction;
    const broadcast = origin.createBroadcast(this.path);
    this.tracks = spec.tracks.map((track) => {
      const published = new PublishedTrack(this.path, track, broadcast.createTrack(track.name));
      const key = (group: number, index: number) => `${track.name} ${group} ${index}`;
      const near = new TrackCheck(published, (group, index, at) =>
        this.latencies.near(key(group, index), at),
      );
      const far = new TrackCheck(published, (group, index, at) =>
        this.latencies.far(key(group, index), at),
      );
      return { published, near, far };
    });
  }

  /** What came through the bridge, all tracks together. */
  get counts(): CheckCounts {
    const sum: CheckCounts = { frames: 0, bytes: 0, lost: 0, missed: 0, altered: 0 };
    for (const { far } of this.tracks) {
      for (const key of Object.keys(sum) as (keyof CheckCounts)[]) sum[key] += far.counts[key];
    }
    return sum;
  }

  /** Tracks of which frames come. */
  get tracksWell(): number {
    return this.tracks.filter(({ far }) => far.well).length;
  }

  /** When the last frame came through, on the process's monotonic clock. */
  get lastAt(): number | undefined {
    const times = this.tracks.map(({ far }) => far.lastAt ?? 0);
    return Math.max(...times) || undefined;
  }

  /** Every frame published so far came through. */
  get complete(): boolean {
    return this.tracks.every(({ far }) => far.complete);
  }

  start(): void {
    for (const { published } of this.tracks) published.start();
  }

  stop(): void {
    for (const { published } of this.tracks) published.stop();
  }

  expectOutage(): void {
    for (const { near, far } of this.tracks) {
      near.expectOutage();
      far.expectOutage();
    }
  }

  settle(before: number): void {
    for (const { near, far } of this.tracks) {
      near.settle(before);
      far.settle(before);
    }
  }
}
