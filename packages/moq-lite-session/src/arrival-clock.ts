import type { BroadcastConsumer } from "@moq-bridge/origin";
import type { Runtime } from "@moq-bridge/runtime";

/** When the first frame of an instance went out, on the runtime's clock: one for all its tracks and every session. */
const firstFrames = new WeakMap<BroadcastConsumer, number>();

/** Milliseconds since the first frame of this instance: the timestamp of frames that have none. */
export function arrivalMs(runtime: Runtime, broadcast: BroadcastConsumer): number {
  const now = runtime.now();
  const first = firstFrames.get(broadcast);
  if (first !== undefined) return now - first;
  firstFrames.set(broadcast, now);
  return 0;
}
