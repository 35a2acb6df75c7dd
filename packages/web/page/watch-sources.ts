import type { Ietf14Session } from "@moq-bridge/moq-ietf14-session";
import type { LiteSession } from "@moq-bridge/moq-lite-session";
import { type BroadcastConsumer, Origin, type TrackRequest } from "@moq-bridge/origin";
import { MoqError, systemRuntime as runtime } from "@moq-bridge/runtime";
import { type Address, connectCloudflare, connectToRelay } from "./connection.js";
import { pause } from "./keep-connected.js";
import { CATALOG_TRACK } from "./media/catalog.js";

/** What becomes of a stream that is watched. */
export interface WatchEvents {
  /** Connected; in words, for the status line. */
  onConnected(transport: string): void;
  /** The stream is there. */
  onLive(broadcast: BroadcastConsumer): void;
  /** The stream is over, or not there yet. */
  onGone(cleanly: boolean): void;
}

/** How soon a name that Cloudflare's side did not know is asked for again, in milliseconds. */
const ASK_AGAIN_MS = 1_000;

/** Watches `name` on one session until it ends; gives why. */
export function watchOnce(
  address: Address,
  name: string,
  events: WatchEvents,
  signal: AbortSignal,
): Promise<string> {
  return address.side === "relay"
    ? watchRelay(address, name, events, signal)
    : watchCloudflare(address, name, events, signal);
}

/** The relay announces what it has. */
async function watchRelay(
  address: Address,
  name: string,
  events: WatchEvents,
  signal: AbortSignal,
): Promise<string> {
  const origin = new Origin({ runtime });
  const { session, over } = await connectToRelay(address, { subscribe: origin });
  events.onConnected(over);
  const announcements = origin.announced();
  const stop = closer(session, signal, () => announcements.close());
  void session.closed.then(() => announcements.close());
  for await (const announcement of announcements) {
    if (announcement.path !== name) continue;
    if (announcement.type === "active") events.onLive(announcement.broadcast);
    else events.onGone(announcement.reason.type === "finished");
  }
  return stop();
}

/** Cloudflare's side is asked by name, again and again: it does not say what it has. */
async function watchCloudflare(
  address: Address,
  name: string,
  events: WatchEvents,
  signal: AbortSignal,
): Promise<string> {
  const { session, over } = await connectCloudflare(address);
  events.onConnected(over);
  const ended = new AbortController();
  const stop = closer(session, signal, () => ended.abort());
  void session.closed.then(() => ended.abort());
  while (!ended.signal.aborted) {
    const catalog = session.subscribe(name, CATALOG_TRACK);
    const info = await catalog.accepted.catch(() => undefined);
    if (info) {
      const origin = new Origin({ runtime });
      const source = origin.createBroadcast(name, {
        onTrack: (request) => pull(session, name, request),
      });
      catalog.fill(source.createTrack(CATALOG_TRACK));
      const broadcast = origin.broadcast(name);
      if (broadcast) events.onLive(broadcast);
      const end = await catalog.done;
      source.finish();
      events.onGone(end.type === "done");
    } else {
      events.onGone(false);
    }
    await pause(ASK_AGAIN_MS, ended.signal);
  }
  return stop();
}

function pull(session: Ietf14Session, name: string, request: TrackRequest): void {
  const subscription = session.subscribe(name, request.name);
  request.onCancelled(() => subscription.unsubscribe());
  subscription.accepted.then(
    (info) => {
      const track = request.accept(info);
      subscription.fill(track);
      void subscription.done.then((end) => {
        if (end.type === "done") track.finish();
        else
          track.abort(new MoqError("track_lost", "the track was lost", { scope: "subscription" }));
      });
    },
    (error: MoqError) => request.reject(error),
  );
}

/** Ends a session with `signal`. The result gives why the session ended, in words. */
function closer(
  session: LiteSession | Ietf14Session,
  signal: AbortSignal,
  onAbort: () => void,
): () => Promise<string> {
  const abort = () => {
    onAbort();
    session.close();
  };
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  return async () => {
    signal.removeEventListener("abort", abort);
    session.close();
    const { error } = await session.closed;
    return error?.message ?? "The server ended the session.";
  };
}
