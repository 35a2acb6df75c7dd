import type { Ietf14Session, Subscription } from "@moq-bridge/moq-ietf14-session";
import type { BroadcastConsumer, Origin, Path, TrackRequest } from "@moq-bridge/origin";
import { MoqError, type Runtime, sleep, toMoqError } from "@moq-bridge/runtime";
import { childController, untilAborted, whenAborted } from "./abort.js";
import { backoffDelay } from "./backoff.js";
import { stableId } from "./instance-id.js";
import type { Logger } from "./logger.js";
import { saysNotThere } from "./not-there.js";
import type { Activity } from "./path-lane.js";
import type { Lease, SessionPool } from "./session-pool.js";
import { SilenceWatch } from "./silence-watch.js";
import { ActivityState, type StateStatus } from "./status.js";
import { TrackPull } from "./track-pull.js";

/** What is settled for all streams of the registry. */
export interface StreamOptions {
  readonly cdn: Origin;
  readonly toRelay: Origin;
  readonly sessions: SessionPool<Ietf14Session>;
  readonly runtime: Runtime;
  readonly log: Logger;
  /** How long a reader waits while the CDN does not know the track yet, in milliseconds. */
  readonly holdMs: number;
  /** The track by which a stream that nobody watches is looked for; absent: it is not. */
  readonly probeTrack: string | undefined;
}

/** How often the CDN is asked for a publisher that left while the registry still lists it: soon at first, then ever more seldom, once a minute at last. */
const RETURN = { baseMs: 250, capMs: 2_500 };
const SOON_ATTEMPTS = 20;
const LATE_STEP_MS = 500;
const LONGEST_LATE_MS = 60_000;
/** How often a stream that nobody watches is looked for, in milliseconds. */
const PROBE_MS = 60_000;
/** How long what is read is served on after its announcement ended, in milliseconds; moq-relay 0.17 takes it from another bridge in a tenth of that. */
const HAND_OVER_MS = 1_000;
const SILENT = "Cloudflare has the stream, but nothing comes";
const GONE = "the publisher left Cloudflare, the registry still lists it";
const NOT_VERIFIED = "not verified: nobody watches it, the registry lists it";

/**
 * Shows one stream that the registry names on the relay, and pulls its tracks
 * from the CDN when somebody asks. When the CDN says the publisher is gone the
 * stream is un-announced until a SUBSCRIBE succeeds again, then shown as a new instance.
 */
export class RegistryStream implements Activity {
  readonly direction = "to-relay";
  /** The registry's mark of this run of the stream; another mark is another instance. */
  readonly instance: string;
  readonly #path: Path;
  readonly #shownAs: Path;
  readonly #options: StreamOptions;
  readonly #state: ActivityState;
  readonly #pulls = new Set<TrackPull>();
  /** While there are pulls. */
  #silence: SilenceWatch | undefined;
  #onRequest: ((request: TrackRequest) => void) | undefined;
  #isHandedOver = false;

  constructor(stream: { path: Path; shownAs: Path; instance: string }, options: StreamOptions) {
    this.#path = stream.path;
    this.#shownAs = stream.shownAs;
    this.instance = stream.instance;
    this.#options = options;
    this.#state = new ActivityState(options.runtime, "announced", NOT_VERIFIED);
  }

  get state(): StateStatus {
    const waiting = [...this.#pulls].filter((pull) => pull.isWaiting).length;
    const { now } = this.#state;
    if (waiting === 0) return now.state === "silent" ? { ...now, reason: this.#silentWhy } : now;
    return {
      ...now,
      reason: `${this.#options.sessions.shortage}; tracks that wait: ${waiting}`,
    };
  }

  get #silentWhy(): string {
    const troubles = [...this.#pulls].map((pull) => pull.trouble);
    return troubles.find((trouble) => trouble !== undefined) ?? SILENT;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let generation = 0; !signal.aborted; generation++) {
      const lastTrack = await this.#oneInstance(generation, signal);
      if (lastTrack === undefined) continue;
      this.#state.set("gone", GONE);
      this.#options.log.info("no longer on Cloudflare; hidden on the relay", { path: this.#path });
      await this.#untilBack(lastTrack, signal).catch(() => undefined);
    }
  }

  /** A track for a path that this stream serves. */
  handleRequest(request: TrackRequest): void {
    if (this.#onRequest) this.#onRequest(request);
    else request.reject(new MoqError("track_not_found", GONE, { scope: "subscription" }));
  }

  /** It is not the stream that ends when the signal aborts: what is read is served on for a moment, so that the relay can take it from another bridge. */
  handOver(): void {
    this.#isHandedOver = true;
  }

  /** Shows one instance until it ends; gives the track whose publisher is gone, if that is why. */
  async #oneInstance(generation: number, signal: AbortSignal): Promise<string | undefined> {
    const { cdn, toRelay, log, probeTrack } = this.#options;
    const { controller, release } = childController(signal);
    const reading = new AbortController();
    let goneTrack: string | undefined;
    const end = (track: string) => {
      goneTrack = track;
      controller.abort();
    };
    this.#onRequest = (request) => {
      void this.#pull(request, () => end(request.name), reading.signal);
    };
    const broadcast = cdn.request(this.#path);
    const hops = [stableId(this.#path, this.instance, String(generation))];
    const publication = toRelay.publish(this.#shownAs, broadcast, { hops });
    this.#state.set("announced", NOT_VERIFIED);
    log.info("shown on the relay", { path: this.#path });
    if (probeTrack !== undefined) {
      void this.#probe(probeTrack, () => end(probeTrack), controller.signal).catch(() => undefined);
    }
    void broadcast.closed.then(() => controller.abort());
    await whenAborted(controller.signal);
    release();
    this.#onRequest = undefined;
    publication.finish();
    broadcast.close();
    if (this.#isHandedOver) await this.#untilUnread(broadcast);
    reading.abort();
    return goneTrack;
  }

  async #untilUnread({ closed }: BroadcastConsumer): Promise<void> {
    let cancel = () => {};
    const limit = new Promise<void>((resolve) => {
      cancel = this.#options.runtime.setTimer(HAND_OVER_MS, resolve);
    });
    await Promise.race([closed, limit]);
    cancel();
  }

  async #pull(request: TrackRequest, onGone: () => void, signal: AbortSignal): Promise<void> {
    const { sessions, runtime, holdMs, log } = this.#options;
    const onAccepted = () => this.#state.set("announced");
    const pull = new TrackPull({ request, sessions, runtime, holdMs, onAccepted, onGone }, signal);
    this.#pulls.add(pull);
    this.#silence ??= this.#watchSilence();
    try {
      await pull.run();
    } catch (error) {
      const why = toMoqError(error, "pull_failed", "subscription").message;
      log.error("internal error while reading a track", {
        path: this.#path,
        track: request.name,
        why,
      });
    } finally {
      this.#pulls.delete(pull);
      if (this.#pulls.size === 0) this.#handleUnwatched(signal.aborted);
    }
  }

  #handleUnwatched(isOver: boolean): void {
    this.#silence?.stop();
    this.#silence = undefined;
    // Where it is looked for, it counts as verified until the next look.
    const isVerified = this.#options.probeTrack !== undefined;
    if (!isOver) this.#state.set("announced", isVerified ? undefined : NOT_VERIFIED);
  }

  /** A stream that falls silent is asked for once more: what comes of that is a refusal, or not. */
  #watchSilence(): SilenceWatch {
    const flowing = () => [...this.#pulls].filter((pull) => pull.frameCount > 0);
    return new SilenceWatch({
      runtime: this.#options.runtime,
      frames: () => flowing().reduce((sum, pull) => sum + pull.frameCount, 0),
      onSilent: (sinceMs) => {
        this.#state.set("silent", SILENT, sinceMs);
        flowing()[0]?.verify();
      },
      onOver: () => this.#state.set("announced"),
    });
  }

  /** Looks for a stream that nobody watches, again and again, with requests that nothing else needs. */
  async #probe(track: string, onGone: () => void, signal: AbortSignal): Promise<void> {
    const { sessions, runtime } = this.#options;
    for (;;) {
      if (this.#pulls.size === 0) {
        const answer = await this.#ask(track, await sessions.leaseSpare(signal), signal);
        if (answer === "gone") onGone();
        if (answer === "there" && this.#pulls.size === 0) this.#state.set("announced");
      }
      await sleep(runtime, PROBE_MS, signal);
    }
  }

  /** Asks for a track that was there until it is there again. */
  async #untilBack(track: string, signal: AbortSignal): Promise<void> {
    const { runtime, sessions } = this.#options;
    for (let failures = 1; ; failures++) {
      const lateMs = Math.min(LONGEST_LATE_MS, failures * LATE_STEP_MS);
      const capMs = failures <= SOON_ATTEMPTS ? RETURN.capMs : lateMs;
      await sleep(runtime, backoffDelay(runtime, failures, { ...RETURN, capMs }), signal);
      const lease = await sessions.lease("track", signal);
      if ((await this.#ask(track, lease, signal)) === "there") return;
    }
  }

  /** One SUBSCRIBE, ended as soon as it is answered. Rejects with the signal's reason. */
  async #ask(
    track: string,
    { session, release }: Lease<Ietf14Session>,
    signal: AbortSignal,
  ): Promise<"there" | "gone" | "unanswered"> {
    let subscription: Subscription | undefined;
    try {
      subscription = session.subscribe(this.#path, track);
      await untilAborted(subscription.accepted, signal);
      return "there";
    } catch (error) {
      signal.throwIfAborted();
      const failure = toMoqError(error, "subscribe_failed", "subscription");
      return saysNotThere(failure) ? "gone" : "unanswered";
    } finally {
      subscription?.unsubscribe();
      release();
    }
  }
}
