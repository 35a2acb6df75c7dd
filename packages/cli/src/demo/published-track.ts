import type { GroupProducer, TrackProducer } from "@moq-bridge/origin";
import type { TrackSpec } from "./content.js";

/** One group as it was published. Times are of the process's monotonic clock, in milliseconds. */
export interface PublishedGroup {
  readonly sequence: number;
  /** When each frame was sent. */
  readonly sentAt: number[];
  endedAt: number | undefined;
}

/** How long what was published is remembered, for viewers to be checked against. */
const REMEMBERED_MS = 60_000;

/** Publishes a track in real time, and remembers what and when. */
export class PublishedTrack {
  readonly path: string;
  readonly spec: TrackSpec;
  /** By sequence. */
  readonly groups = new Map<number, PublishedGroup>();
  readonly #track: TrackProducer;
  #producer: GroupProducer | undefined;
  #group: PublishedGroup | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;

  constructor(path: string, spec: TrackSpec, track: TrackProducer) {
    this.path = path;
    this.spec = spec;
    this.#track = track;
  }

  start(): void {
    this.#due = performance.now();
    this.#tick();
  }

  /** Ends the group under way with the frames it has. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#endGroup();
  }

  /** What a frame's bytes are, `undefined` if it was never sent or is forgotten. */
  expected(group: number, index: number): Uint8Array | undefined {
    const sentAt = this.groups.get(group)?.sentAt[index];
    if (sentAt === undefined) return undefined;
    const { path, spec } = this;
    return spec.payload({ path, track: spec.name, group, index, sentAt });
  }

  #tick(): void {
    this.#publishFrame();
    const { once, intervalMs } = this.spec;
    if (once) return;
    const now = performance.now();
    this.#due = Math.max(this.#due + intervalMs, now);
    this.#timer = setTimeout(() => this.#tick(), this.#due - now);
  }

  #publishFrame(): void {
    const { path, spec } = this;
    const sentAt = performance.now();
    if (!this.#producer || !this.#group) {
      this.#producer = this.#track.appendGroup();
      this.#group = { sequence: this.#producer.sequence, sentAt: [], endedAt: undefined };
      this.groups.set(this.#group.sequence, this.#group);
      this.#forget(sentAt);
    }
    const { sequence: group, sentAt: times } = this.#group;
    const index = times.push(sentAt) - 1;
    this.#producer.writeFrame(spec.payload({ path, track: spec.name, group, index, sentAt }));
    if (times.length === spec.framesPerGroup) this.#endGroup();
  }

  #endGroup(): void {
    this.#producer?.finish();
    if (this.#group) this.#group.endedAt = performance.now();
    this.#producer = undefined;
    this.#group = undefined;
  }

  #forget(now: number): void {
    for (const [sequence, { endedAt }] of this.groups) {
      if (endedAt === undefined || now - endedAt < REMEMBERED_MS) break;
      this.groups.delete(sequence);
    }
  }
}
