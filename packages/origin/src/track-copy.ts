import { type Runtime, toMoqError } from "@moq-bridge/runtime";
import { DEFAULT_DEMAND } from "./demand.js";
import type {
  BroadcastConsumer,
  GroupConsumer,
  GroupProducer,
  TrackInfo,
  TrackProducer,
  TrackRequest,
} from "./model.js";

/** What {@link copyTrack} needs beside its two ends. */
export interface TrackCopyOptions {
  readonly runtime: Runtime;
  /** The newest group of each track being read, from whichever source: the next one goes on with it. */
  readonly newestGroups: Map<string, number>;
}

/** Serves `request` from `broadcast` for as long as somebody wants it. Bytes are shared, not copied; never rejects. */
export async function copyTrack(
  request: TrackRequest,
  broadcast: BroadcastConsumer,
  options: TrackCopyOptions,
): Promise<void> {
  const { newestGroups } = options;
  const { name, demand } = request;
  const goOnWith = demand.startGroup ?? newestGroups.get(name);
  const track = broadcast.subscribe(name, {
    ...DEFAULT_DEMAND,
    ...demand,
    ...(goOnWith === undefined ? {} : { startGroup: goOnWith }),
  });
  request.onCancelled(() => track.close());
  let info: TrackInfo;
  try {
    info = await track.info;
  } catch (error) {
    await sourceKnown(options.runtime);
    request.reject(toMoqError(error, "track_failed", "subscription"));
    return;
  }
  const producer = request.accept(info);
  producer.onDemand((changed) => {
    if (changed) track.update(changed);
    else newestGroups.delete(name);
  });
  // Nobody reads any more, or another source fills it.
  void producer.closed.then(() => track.close());
  try {
    for (let group = await track.nextGroup(); group; group = await track.nextGroup()) {
      newestGroups.set(name, group.sequence);
      copyGroup(group, producer, options.runtime);
    }
    await sourceKnown(options.runtime);
    producer.finish();
  } catch (error) {
    await sourceKnown(options.runtime);
    producer.abort(toMoqError(error, "track_failed", "subscription"));
  }
}

function copyGroup(from: GroupConsumer, track: TrackProducer, runtime: Runtime): void {
  let to: GroupProducer | undefined;
  try {
    to = track.openGroup(from.sequence);
  } catch {
    // The track has ended, which its reading notices too.
  }
  if (to) void fillGroup(from, to, runtime);
  else from.close();
}

async function fillGroup(from: GroupConsumer, to: GroupProducer, runtime: Runtime): Promise<void> {
  let unwanted = false;
  let wake = () => {};
  to.onUnwanted(() => {
    unwanted = true;
    wake();
  });
  try {
    while (!unwanted) {
      const piece = from.next();
      if (!piece) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          void from.readable().then(resolve, resolve);
        });
      } else if (piece.type === "frame") {
        to.beginFrame(piece.header);
      } else if (piece.type === "chunk") {
        to.writeChunk(piece.bytes);
      } else {
        to.finish();
        break;
      }
    }
  } catch (error) {
    await sourceKnown(runtime);
    to.abort(toMoqError(error, "group_failed", "stream"));
  } finally {
    from.close();
  }
}

/**
 * Groups and tracks fail a moment before it is known that their whole broadcast
 * did. By then another source may have taken over, and an end told here counts
 * no more.
 */
function sourceKnown(runtime: Runtime): Promise<void> {
  return new Promise((resolve) => {
    runtime.setTimer(0, resolve);
  });
}
