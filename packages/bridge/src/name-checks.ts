import type { Ietf14Session, Subscription } from "@moq-bridge/moq-ietf14-session";
import {
  type BroadcastConsumer,
  type EndReason,
  type Hops,
  Origin,
  type Path,
  RefusedTrack,
  type TrackConsumer,
  type TrackDemand,
} from "@moq-bridge/origin";
import { MoqError, type Runtime, sleep, toMoqError } from "@moq-bridge/runtime";
import { untilAborted } from "./abort.js";
import { saysNotThere } from "./not-there.js";
import type { SessionPool } from "./session-pool.js";

/** One name is asked for this often, in milliseconds, however many there are. */
const CHECK_MS = 10_000;
/** Whoever publishes a name answers within this long, in milliseconds, or is dead. */
const ANSWER_MS = 4_000;
/** The track that is asked for: bridges refuse it themselves, and ask nobody. */
const CHECK_TRACK = ".moq-bridge";
const NO_TRACK = new MoqError("track_not_found", "nothing has this name itself", {
  scope: "subscription",
});
/** Not that number, whichever way it comes to who asks. */
const PUBLISHED_HERE = new MoqError("name_check", "the name is published here", {
  scope: "subscription",
});

/**
 * Asks for the names we published, in turn, as a viewer would. Where a second
 * claim to a name is accepted, the end of either takes the name from both, and
 * a dead publisher's claim hides the living one's: the holder is told neither.
 * One name that is lost casts doubt on the others, so they are asked for at
 * once. Only requests that nothing else needs are spent on it.
 */
export class NameChecks {
  readonly #runtime: Runtime;
  readonly #sessions: SessionPool<Ietf14Session>;
  /** What follows a loss, by name; the next to be asked for first. */
  readonly #names = new Map<Path, () => void>();
  #running: AbortController | undefined;

  constructor(options: { runtime: Runtime; sessions: SessionPool<Ietf14Session> }) {
    this.#runtime = options.runtime;
    this.#sessions = options.sessions;
  }

  /** `broadcast`, or a name with no track, and an answer to those who only ask whether it is there. */
  answering(path: Path, broadcast: BroadcastConsumer | undefined): BroadcastConsumer {
    return new CheckedBroadcast(broadcast ?? withoutTracks(path, this.#runtime));
  }

  /** Looks after a name that was accepted, until the function returned is called or it cannot be found: then `onLost` is. */
  watch(path: Path, onLost: () => void): () => void {
    this.#names.set(path, onLost);
    if (!this.#running) void this.#run();
    return () => {
      if (this.#names.get(path) === onLost) this.#names.delete(path);
      if (this.#names.size === 0) this.#running?.abort();
    };
  }

  async #run(): Promise<void> {
    this.#running = new AbortController();
    const { signal } = this.#running;
    /** How many names are to be asked for without a pause. */
    let doubted = 0;
    while (!signal.aborted) {
      if (doubted > 0) doubted--;
      else await sleep(this.#runtime, CHECK_MS, signal).catch(() => undefined);
      const lease = await this.#sessions.leaseSpare(signal).catch(() => undefined);
      const [next] = this.#names;
      if (!lease || !next) {
        lease?.release();
        continue;
      }
      const [path, onLost] = next;
      this.#names.delete(path);
      this.#names.set(path, onLost);
      const isLost = await this.#isLost(path, lease.session, signal).finally(lease.release);
      if (!isLost || this.#names.get(path) !== onLost) continue;
      this.#names.delete(path);
      doubted = this.#names.size;
      onLost();
    }
    this.#running = undefined;
    if (this.#names.size > 0) void this.#run();
  }

  async #isLost(path: Path, session: Ietf14Session, signal: AbortSignal): Promise<boolean> {
    let subscription: Subscription | undefined;
    try {
      subscription = session.subscribe(path, CHECK_TRACK);
      await untilAborted(subscription.accepted, signal);
      return await this.#isSilent(subscription);
    } catch (error) {
      return saysNotThere(toMoqError(error, "check_failed", "subscription"));
    } finally {
      subscription?.unsubscribe();
    }
  }

  async #isSilent(subscription: Subscription): Promise<boolean> {
    let cancel = () => {};
    const silence = new Promise<boolean>((resolve) => {
      cancel = this.#runtime.setTimer(ANSWER_MS, () => resolve(true));
    });
    const isSilent = await Promise.race([silence, subscription.done.then(() => false)]);
    cancel();
    return isSilent;
  }
}

function withoutTracks(path: Path, runtime: Runtime): BroadcastConsumer {
  const origin = new Origin({ runtime });
  origin.dynamic((request) => request.reject(NO_TRACK));
  return origin.request(path);
}

class CheckedBroadcast implements BroadcastConsumer {
  readonly #broadcast: BroadcastConsumer;

  constructor(broadcast: BroadcastConsumer) {
    this.#broadcast = broadcast;
  }

  get path(): Path {
    return this.#broadcast.path;
  }

  get hops(): Hops {
    return this.#broadcast.hops;
  }

  get closed(): Promise<EndReason> {
    return this.#broadcast.closed;
  }

  subscribe(track: string, demand?: TrackDemand): TrackConsumer {
    if (track !== CHECK_TRACK) return this.#broadcast.subscribe(track, demand);
    return new RefusedTrack(track, PUBLISHED_HERE);
  }

  close(): void {
    this.#broadcast.close();
  }
}
