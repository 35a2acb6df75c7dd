import type { Ietf14Session, Subscription, SubscriptionEnd } from "@moq-bridge/moq-ietf14-session";
import type { TrackInfo, TrackProducer, TrackRequest } from "@moq-bridge/origin";
import { MoqError, type Runtime, toMoqError } from "@moq-bridge/runtime";
import { childController, untilAborted } from "./abort.js";
import { backoff } from "./backoff.js";
import { saysNotThere } from "./not-there.js";
import type { SessionPool } from "./session-pool.js";

/** What a pull needs. */
export interface TrackPullOptions {
  readonly request: TrackRequest;
  readonly sessions: SessionPool<Ietf14Session>;
  readonly runtime: Runtime;
  /** How long a reader is held while the CDN says that the track does not exist (yet), in milliseconds. */
  readonly holdMs: number;
  /** The CDN has the track. */
  onAccepted(): void;
  /** The CDN knew the track and does not any more: the publisher is gone. */
  onGone(error: MoqError): void;
}

const RETRY = { baseMs: 100, capMs: 5_000 };
/** A track that ends each time without anything new is asked again ever more slowly. */
const IDLE_RETRY = { baseMs: 250, capMs: 30_000 };

/** The code of a name that draft-14 has no form for, for example a very long one: waiting does not help. */
const NO_SUCH_NAME = "path_invalid";

/** What follows the end of a SUBSCRIBE. */
type Next = "again" | "session_lost" | "over";

/**
 * Reads one track from the CDN by name for as long as somebody wants it,
 * subscribing again after a lost session and after any PUBLISH_DONE: its
 * codes say nothing, only another SUBSCRIBE tells whether the track lives.
 */
export class TrackPull {
  readonly #options: TrackPullOptions;
  readonly #controller: AbortController;
  readonly #release: () => void;
  readonly #startedAt: number;
  #subscription: Subscription | undefined;
  #isWaiting = false;
  /** The last SUBSCRIBE was accepted and has not ended. */
  #isActive = false;
  #verifying = false;
  #track: TrackProducer | undefined;
  #failures = 0;
  #framesAtStart = 0;
  #trouble: string | undefined;
  /** Why it was given up. */
  #refusal: MoqError | undefined;

  /** @param signal ends the pull */
  constructor(options: TrackPullOptions, signal: AbortSignal) {
    this.#options = options;
    this.#startedAt = options.runtime.now();
    const { controller, release } = childController(signal);
    this.#controller = controller;
    this.#release = release;
    options.request.onCancelled(() => controller.abort());
    controller.signal.addEventListener("abort", () => this.#subscription?.unsubscribe(), {
      once: true,
    });
  }

  /** It waits for a session with room. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Frames read so far; what the CDN repeats is not counted again. */
  get frameCount(): number {
    return this.#track?.frameCount ?? 0;
  }

  /** Why the last SUBSCRIBE failed, if it did. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Asks once more for a track that fell silent, unless it is being asked for: the answer tells whether it lives. */
  verify(): void {
    if (!this.#isActive) return;
    this.#verifying = true;
    this.#subscription?.unsubscribe();
  }

  /** Resolves when the readers left, the track was refused, or the signal aborted. */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      if (!this.#controller.signal.aborted) throw error;
    } finally {
      this.#release();
      this.#end();
    }
  }

  /** Whoever still reads learns that it is over. */
  #end(): void {
    if (this.#track) {
      this.#track.detach();
      this.#track.finish();
    } else this.#options.request.reject(this.#notFound(this.#refusal));
  }

  async #run(): Promise<void> {
    const { sessions, runtime } = this.#options;
    const { signal } = this.#controller;
    while (!signal.aborted) {
      this.#isWaiting = !sessions.hasRoom("track");
      const { session, release } = await sessions.lease("track", signal);
      this.#isWaiting = false;
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
    if (this.#controller.signal.aborted) return "over";
    this.#verifying = false;
    let info: TrackInfo;
    let subscription: Subscription;
    try {
      subscription = session.subscribe(path, name, this.#track?.demand ?? demand);
      this.#subscription = subscription;
      info = await subscription.accepted;
    } catch (error) {
      return this.#refused(toMoqError(error, "subscribe_failed", "subscription"));
    }
    if (this.#controller.signal.aborted) return "over";
    this.#trouble = undefined;
    const track = this.#accept(info);
    this.#framesAtStart = track.frameCount;
    subscription.fill(track);
    this.#isActive = true;
    const end = await subscription.done;
    this.#isActive = false;
    if (this.#controller.signal.aborted) return "over";
    track.detach();
    return this.#ended(track, end);
  }

  #accept(info: TrackInfo): TrackProducer {
    if (this.#track) return this.#track;
    const track = this.#options.request.accept(info);
    this.#options.onAccepted();
    track.onDemand((demand) => {
      if (demand === undefined) this.#controller.abort();
    });
    void track.closed.then(() => this.#controller.abort());
    this.#track = track;
    return track;
  }

  #ended(track: TrackProducer, end: SubscriptionEnd): Next {
    if (end.type === "session_closed") return "session_lost";
    if (this.#verifying) return "again";
    if (end.type === "unsubscribed") return "over";
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
    this.#trouble = error.message;
    if (this.#track && this.#track.frameCount > 0) {
      if (!saysNotThere(error)) return "again";
      this.#options.onGone(error);
      return "over";
    }
    if (error.code !== NO_SUCH_NAME && !this.#heldTooLong()) return "again";
    this.#refusal = error;
    this.#track?.abort(this.#notFound(error));
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
