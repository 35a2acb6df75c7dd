import type { TrackProducer } from "@moq-bridge/origin";

/** What to send. */
export interface Load {
  readonly framesPerSecond: number;
  readonly frameBytes: number;
  readonly framesPerGroup: number;
  readonly seconds: number;
}

const TICK_MS = 1;

/** Where the frames of a load go. */
export interface LoadSink {
  /** Begins a group; the one before is over. */
  group(): void;
  /** `sentAt` is `performance.now()`, which the payload's first eight bytes hold too. */
  frame(payload: Uint8Array, sentAt: number): void;
  /** The last group is over. */
  end(): void;
}

/** Writes the frames of a load at an even pace. */
export async function sendLoad(load: Load, sink: LoadSink): Promise<void> {
  const begin = performance.now();
  const total = load.framesPerSecond * load.seconds;
  for (let frame = 0; frame < total; ) {
    const due = ((performance.now() - begin) / 1000) * load.framesPerSecond;
    for (; frame < Math.min(due, total); frame++) {
      if (frame % load.framesPerGroup === 0) sink.group();
      const payload = new Uint8Array(load.frameBytes);
      const sentAt = performance.now();
      new DataView(payload.buffer).setFloat64(0, sentAt);
      sink.frame(payload, sentAt);
    }
    await pause(TICK_MS);
  }
  sink.end();
}

/** Fills a track with a load; returns how many frames were sent after `from` (`performance.now()`). */
export async function fillTrack(track: TrackProducer, load: Load, from: number): Promise<number> {
  let group: ReturnType<TrackProducer["appendGroup"]> | undefined;
  let counted = 0;
  let ended = false;
  void track.closed.then(() => {
    ended = true;
  });
  await sendLoad(load, {
    group() {
      group?.finish();
      // A relay that is overloaded may end the track: what is left counts as lost.
      group = ended ? undefined : track.appendGroup();
    },
    frame(payload, sentAt) {
      group?.writeFrame(payload);
      if (sentAt > from) counted++;
    },
    end: () => group?.finish(),
  });
  return counted;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
