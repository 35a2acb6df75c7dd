import type { BroadcastConsumer, GroupConsumer } from "@moq-bridge/origin";
import { type MediaFrame, unpackFrame } from "./container.js";

/** A frame and where it stands. */
export interface PlacedFrame extends MediaFrame {
  readonly group: number;
  readonly index: number;
}

/** After this long a group that goes on beside a newer one is left, in groups. */
const GROUPS_AT_ONCE = 2;

/**
 * Reads a track's groups as they come, those of two groups side by side, until
 * the track ends or `signal` aborts.
 *
 * @throws {MoqError} why the track ended, unless it ended cleanly
 */
export async function readTrack(
  broadcast: BroadcastConsumer,
  name: string,
  onFrame: (frame: PlacedFrame) => void,
  signal: AbortSignal,
): Promise<void> {
  const track = broadcast.subscribe(name);
  const open: GroupConsumer[] = [];
  const stop = () => {
    track.close();
    for (const group of open) group.close();
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) return;
    for (let group = await track.nextGroup(); group; group = await track.nextGroup()) {
      open.push(group);
      if (open.length > GROUPS_AT_ONCE) open.shift()?.close();
      void readGroup(group, onFrame);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

async function readGroup(
  group: GroupConsumer,
  onFrame: (frame: PlacedFrame) => void,
): Promise<void> {
  try {
    for (let index = 0; ; index++) {
      const frame = await group.readFrame();
      if (!frame) return;
      onFrame({ ...unpackFrame(frame.payload), group: group.sequence, index });
    }
  } catch {
    // A group that is cut short, or was left, ends here; the next one begins anew.
  }
}
