/** Which frame it is, and when it was sent (milliseconds of the process's monotonic clock). */
export interface FrameStamp {
  readonly path: string;
  readonly track: string;
  readonly group: number;
  readonly index: number;
  readonly sentAt: number;
}

/** A track of the demo: when its frames come and what is in them. */
export interface TrackSpec {
  readonly name: string;
  readonly intervalMs: number;
  readonly framesPerGroup: number;
  /** One group, ever. */
  readonly once: boolean;
  /** A frame's bytes: the stamp decides each of them. */
  payload(stamp: FrameStamp): Uint8Array;
}

/** A broadcast of the demo: a name and its tracks. */
export interface BroadcastSpec {
  readonly name: string;
  readonly tracks: readonly TrackSpec[];
}

const HEADER_BYTES = 16;
const KEY_FRAME_BYTES = 20_000;
const DELTA_FRAME_BYTES = 4_000;
const CLOCK_BYTES = 32;

const clock: TrackSpec = {
  name: "seconds",
  intervalMs: 1_000,
  framesPerGroup: 1,
  once: false,
  payload: (stamp) => patterned(stamp, CLOCK_BYTES),
};

/** 30 frames a second, a key frame every 2 s. */
const video: TrackSpec = {
  name: "video",
  intervalMs: 1_000 / 30,
  framesPerGroup: 60,
  once: false,
  payload: (stamp) => patterned(stamp, stamp.index === 0 ? KEY_FRAME_BYTES : DELTA_FRAME_BYTES),
};

const catalog: TrackSpec = {
  name: "catalog.json",
  intervalMs: 1_000,
  framesPerGroup: 1,
  once: true,
  payload: ({ path }) =>
    new TextEncoder().encode(
      JSON.stringify({ path, tracks: [{ name: video.name, fps: 30, groupSeconds: 2 }] }),
    ),
};

/** What is published on each side. */
export const BROADCASTS: readonly BroadcastSpec[] = [
  { name: "clock", tracks: [clock] },
  { name: "video", tracks: [catalog, video] },
];

/** The stamp's numbers, then bytes that are a function of them. */
function patterned(stamp: FrameStamp, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, stamp.sentAt);
  view.setUint32(8, stamp.group);
  view.setUint32(12, stamp.index);
  let state = seedOf(stamp);
  for (let at = HEADER_BYTES; at + 4 <= size; at += 4) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    view.setInt32(at, state);
  }
  return bytes;
}

/** FNV-1a, never 0. */
function seedOf({ path, track, group, index }: FrameStamp): number {
  let hash = 0x811c9dc5;
  for (const char of `${path} ${track} ${group} ${index}`) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  }
  return hash | 1;
}
