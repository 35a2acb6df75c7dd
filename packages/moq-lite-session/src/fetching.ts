import { decodeFetch, type Fetch } from "@moq-bridge/moq-wire/lite";
import type { BroadcastConsumer, GroupConsumer } from "@moq-bridge/origin";
import { toMoqError } from "@moq-bridge/runtime";
import type { BidiStream } from "@moq-bridge/transport";
import { STREAM_CODE, streamCodeOf } from "./codes.js";
import type { SessionContext } from "./context.js";
import { isSessionClosed, isStreamEnd, subscriptionError } from "./errors.js";
import { GroupEgress } from "./group-egress.js";
import type { MessageStream } from "./message-stream.js";
import { refuse } from "./refuse.js";
import { withTimeLimit } from "./time-limit.js";

/** What serving a FETCH needs. */
export interface FetchingOptions {
  readonly context: SessionContext;
  readonly stream: BidiStream;
  readonly messages: MessageStream;
  readonly find: (path: string) => BroadcastConsumer | undefined;
  /** Milliseconds since the broadcast's first frame here. */
  readonly arrivalMs: (broadcast: BroadcastConsumer) => number;
}

/** Answers a FETCH with the frames of one group that is stored here. */
export async function serveFetch(options: FetchingOptions): Promise<void> {
  const { context, stream, messages, find, arrivalMs } = options;
  const { counters } = context;
  const fetch = await messages.next((cursor) => decodeFetch(context.version, cursor));
  const broadcast = fetch && find(fetch.broadcast);
  if (!broadcast) {
    counters.fetchesRefused++;
    refuse(stream, STREAM_CODE.unroutable);
    return;
  }
  let group: GroupConsumer;
  try {
    group = await storedGroup(context, broadcast, fetch);
  } catch (thrown) {
    counters.fetchesRefused++;
    refuse(stream, streamCodeOf(toMoqError(thrown, "internal_error", "subscription")));
    return;
  }
  counters.fetchesServed++;
  const { startFrame, endFrame } = fetch;
  const egress = new GroupEgress({
    context,
    group,
    target: { stream: stream.send, startFrame, endFrame },
    priority: fetch.priority,
    arrivalMs: () => arrivalMs(broadcast),
    since: context.runtime.now(),
  });
  await Promise.all([egress.run(), leaveWithPeer(egress, messages)]);
}

/** The group, if the track has it now: a FETCH waits for nothing that is still to come. */
async function storedGroup(
  context: SessionContext,
  broadcast: BroadcastConsumer,
  { track: name, priority, group: sequence }: Fetch,
): Promise<GroupConsumer> {
  const { runtime, limits } = context;
  const track = broadcast.subscribe(name, { priority, startGroup: sequence });
  const missing = () => subscriptionError("track_not_found", `group ${sequence} is not here`);
  try {
    const group = await withTimeLimit(track.nextGroup(), {
      runtime,
      ms: limits.fetchMs,
      error: missing,
      late: (late) => late?.close(),
    });
    if (group?.sequence === sequence) return group;
    group?.close();
    throw missing();
  } finally {
    track.close();
  }
}

/** The peer's FIN says that it asks nothing more; its reset that it wants nothing more. */
async function leaveWithPeer(egress: GroupEgress, messages: MessageStream): Promise<void> {
  try {
    await messages.ended();
  } catch (error) {
    if (!isStreamEnd(error) && !isSessionClosed(error)) throw error;
    egress.cancel(STREAM_CODE.cancel);
  }
}
