import type { GroupConsumer, TrackConsumer } from "@moq-bridge/origin";

/** A frame's content: which run of which publisher wrote it, and where. */
export interface FrameLabel {
  readonly publisher: string;
  readonly group: number;
  readonly frame: number;
}

export function encodeLabel({ publisher, group, frame }: FrameLabel): Uint8Array {
  return new TextEncoder().encode(`${publisher}/${group}/${frame}`);
}

function decodeLabel(payload: Uint8Array): FrameLabel {
  const [publisher = "", group, frame] = new TextDecoder().decode(payload).split("/");
  return { publisher, group: Number(group), frame: Number(frame) };
}

/** Reads a track to its end and keeps account of what must never be: a frame twice, late, or out of place. */
export class ObservedFrames {
  readonly faults: string[] = [];
  /** Frames of each publisher's run. */
  readonly counts = new Map<string, number>();
  ended = false;
  readonly #seen = new Set<string>();
  /** Frames of each group. */
  readonly #frames = new Map<number, number>();
  readonly #what: string;

  constructor(what: string, track: TrackConsumer) {
    this.#what = what;
    void this.#read(track)
      .catch(() => undefined)
      .then(() => {
        this.ended = true;
      });
  }

  get total(): number {
    let total = 0;
    for (const count of this.counts.values()) total += count;
    return total;
  }

  /** What is missing between the first frame and the last, in words; groups have `framesPerGroup`. */
  gaps(framesPerGroup: number): string[] {
    const groups = [...this.#frames.keys()].sort((a, b) => a - b);
    const [first = 0] = groups;
    const last = groups.at(-1);
    const gaps: string[] = [];
    for (let group = first; last !== undefined && group < last; group++) {
      const frames = this.#frames.get(group) ?? 0;
      if (frames < framesPerGroup) {
        gaps.push(`${this.#what}: ${frames} of ${framesPerGroup} frames of group ${group}`);
      }
    }
    return gaps;
  }

  async #read(track: TrackConsumer): Promise<void> {
    for (let group = await track.nextGroup(); group; group = await track.nextGroup()) {
      void this.#readGroup(group).catch(() => undefined);
    }
  }

  async #readGroup(group: GroupConsumer): Promise<void> {
    let next = 0;
    for (let frame = await group.readFrame(); frame; frame = await group.readFrame()) {
      this.#handle(group.sequence, next++, decodeLabel(frame.payload));
    }
  }

  #handle(sequence: number, place: number, label: FrameLabel): void {
    const name = `${label.publisher}/${label.group}/${label.frame}`;
    if (label.group !== sequence || label.frame !== place) {
      this.faults.push(`${this.#what}: frame ${name} as frame ${place} of group ${sequence}`);
    }
    if (this.#seen.has(name)) this.faults.push(`${this.#what}: frame ${name} twice`);
    this.#seen.add(name);
    this.#frames.set(sequence, (this.#frames.get(sequence) ?? 0) + 1);
    this.counts.set(label.publisher, (this.counts.get(label.publisher) ?? 0) + 1);
  }
}
