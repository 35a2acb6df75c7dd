import type { Ietf14Session, Subscription } from "@moq-bridge/moq-ietf14-session";
import type { TrackInfo, TrackProducer, TrackRequest } from "@moq-bridge/origin";
import { MoqError, type Runtime, toMoqError } from "@moq-bridge/runtime";
import { childController, untilAborted } from "./abort.js";
import { backoff } from "./backoff.js";
import type { SessionPool } from "./session-pool.js";

/** What a pull needs. */
export interface TrackPullOptions {
  readonly request: TrackRequest;
  readonly sessions: SessionPool<Ietf14Session>;
  readonly runtime: Runtime;
  /** How long a reader is held while the CDN says that the track does not exist (yet), in milliseconds. */
  readonly holdMs: number;
  /** The CDN knew the track and does not any more: the publisher is gone. */
  onGone(error: MoqError): void;
}

const RETRY = { baseMs: 100, capMs: 5_000 };
/** A track that ends each time without anything new is asked again ever more slowly. */
const IDLE_RETRY = { baseMs: 250, capMs: 30_000 };

/**
 * Reads one track from the CDN by name for as long as somebody wants it,
 * subscribing again after a lost session and after any PUBLISH_DONE: its
 * codes say nothing, only another SUBSCRIBE tells whether the track lives.
 *
 * Ends when the readers left, when the track is refused, or when `signal` aborts.
 */
export async function pullTrack(options: TrackPullOptions, signal: AbortSignal): Promise<void> {
  const { controller, release } = childController(signal);
  options.request.onCancelled(() => controller.abort());
  try {
    await new TrackPull(options, controller).run();
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  } finally {
    release();
  }
}

/** What follows the end of a SUBSCRIBE. */
type Next = "again" | "session_lost" | "over";

class TrackPull {
  readonly #options: TrackPullOptions;
  readonly #controller: AbortController;
  readonly #startedAt: number;
  #track: TrackProducer | undefined;
  #failures = 0;
  #framesAtStart = 0;

  constructor(options: TrackPullOptions, controller: AbortController) {
    this.#options = options;
    this.#controller = controller;
    this.#startedAt = options.runtime.now();
  }

  async run(): Promise<void> {
    const { sessions, runtime } = this.#options;
    const { signal } = this.#controller;
    while (!signal.aborted) {
      const { session, release } = await sessions.lease("track", signal);
      const next = await this.#subscribe(session).finally(release);
      if (next === "over") return;
      if (next === "session_lost") await untilAborted(session.closed, signal);
      const pace = this.#track?.frameCount ? IDLE_RETRY : RETRY;
      await backoff(runtime, this.#failures, pace, signal);
    }
  }

  /** One SUBSCRIBE and its life. */
  async #subscribe(session: Ietf14Session): Promise<Next> {
    const { path, name, demand } = this.#options.request;
    const { signal } = this.#controller;
    let subscription: Subscription;
    try {
      subscription = session.subscribe(path, name, this.#track?.demand ?? demand);
    } catch (error) {
      return this.#refused(toMoqError(error, "subscribe_failed", "subscription"));
    }
    const stop = () => subscription.unsubscribe();
    signal.addEventListener("abort", stop, { once: true });
    try {
      return await this.#follow(subscription);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #follow(subscription: Subscription): Promise<Next> {
    let info: TrackInfo;
    try {
      info = await subscription.accepted;
    } catch (error) {
      return this.#refused(toMoqError(error, "subscribe_failed", "subscription"));
    }
    if (this.#controller.signal.aborted) return "over";
    const track = this.#accept(info);
    this.#framesAtStart = track.frameCount;
    subscription.fill(track);
    const end = await subscription.done;
    if (end.type === "unsubscribed" || this.#controller.signal.aborted) return "over";
    track.detach();
    return this.#ended(track, end.type === "session_closed");
  }

  #accept(info: TrackInfo): TrackProducer {
    if (this.#track) return this.#track;
    const track = this.#options.request.accept(info);
    track.onDemand((demand) => {
      if (demand === undefined) this.#controller.abort();
    });
    void track.closed.then(() => this.#controller.abort());
    this.#track = track;
    return track;
  }

  #ended(track: TrackProducer, sessionLost: boolean): Next {
    if (sessionLost) return "session_lost";
    const progressed = track.frameCount > this.#framesAtStart;
    this.#failures = progressed ? 0 : this.#failures + 1;
    // Accepted and ended each time without a single object: the publisher refuses this track.
    if (track.frameCount === 0 && this.#heldTooLong()) {
      track.abort(this.#notFound());
      return "over";
    }
    return "again";
  }

  #refused(error: MoqError): Next {
    if (this.#controller.signal.aborted) return "over";
    if (error.scope === "session") return "session_lost";
    this.#failures++;
    if (this.#track && this.#track.frameCount > 0) {
      this.#options.onGone(error);
      return "over";
    }
    if (!this.#heldTooLong()) return "again";
    const notFound = this.#notFound(error);
    if (this.#track) this.#track.abort(notFound);
    else this.#options.request.reject(notFound);
    return "over";
  }

  #heldTooLong(): boolean {
    return this.#options.runtime.now() - this.#startedAt >= this.#options.holdMs;
  }

  #notFound(cause?: MoqError): MoqError {
    const { name, path } = this.#options.request;
    return new MoqError("track_not_found", `track ${name} of ${path} is not on Cloudflare`, {
      scope: "subscription",
      cause,
    });
  }
}
