import type { Ietf14Session, Subscription } from "@moq-bridge/moq-ietf14-session";
import type { Origin, Path, TrackRequest } from "@moq-bridge/origin";
import { type Runtime, toMoqError } from "@moq-bridge/runtime";
import { childController, untilAborted } from "./abort.js";
import { backoff } from "./backoff.js";
import { stableId } from "./instance-id.js";
import type { Logger } from "./logger.js";
import type { Activity } from "./path-lane.js";
import type { SessionPool } from "./session-pool.js";
import { ActivityState } from "./status.js";
import { TrackPull } from "./track-pull.js";

/** How long a reader waits while the CDN does not know the track yet. */
const HOLD_MS = 10_000;
/** How often the CDN is asked for a publisher that left while the registry still lists it. */
const PROBE = { baseMs: 250, capMs: 2_500 };
/** A stream that gives nothing for this long on any track that flowed is asked about once. */
const SILENCE_MS = 10_000;
const SILENT = "silent: Cloudflare has the stream, but nothing comes";
const NOT_VERIFIED = "not verified: nobody has watched it yet";

/**
 * Shows one stream that the registry names on the relay, and pulls its tracks
 * from the CDN when somebody asks. When the CDN says the publisher is gone the
 * stream is un-announced until a SUBSCRIBE succeeds again, then shown as a new instance.
 */
export class RegistryStream implements Activity {
  readonly direction = "to-relay";
  readonly state: ActivityState;
  /** The registry's mark of this run of the stream; another mark is another instance. */
  readonly instance: string;
  readonly #path: Path;
  readonly #cdn: Origin;
  readonly #toRelay: Origin;
  readonly #sessions: SessionPool<Ietf14Session>;
  readonly #runtime: Runtime;
  readonly #log: Logger;
  readonly #pulls = new Set<TrackPull>();
  #onRequest: ((request: TrackRequest) => void) | undefined;

  constructor(options: {
    path: Path;
    instance: string;
    cdn: Origin;
    toRelay: Origin;
    sessions: SessionPool<Ietf14Session>;
    runtime: Runtime;
    log: Logger;
  }) {
    this.#path = options.path;
    this.instance = options.instance;
    this.#cdn = options.cdn;
    this.#toRelay = options.toRelay;
    this.#sessions = options.sessions;
    this.#runtime = options.runtime;
    this.#log = options.log;
    this.state = new ActivityState(options.runtime, "announced", NOT_VERIFIED);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let generation = 0; !signal.aborted; generation++) {
      const lastTrack = await this.#oneInstance(generation, signal);
      if (lastTrack === undefined) continue;
      this.state.set("gone", "the publisher left Cloudflare, the registry still lists it");
      this.#log.info("no longer on Cloudflare; hidden on the relay", { path: this.#path });
      await this.#untilBack(lastTrack, signal).catch(() => undefined);
    }
  }

  /** A track for a path that this stream serves. */
  handleRequest(request: TrackRequest): void {
    this.#onRequest?.(request);
  }

  /** Shows one instance until it ends; gives the track whose publisher is gone, if that is why. */
  async #oneInstance(generation: number, signal: AbortSignal): Promise<string | undefined> {
    const { controller, release } = childController(signal);
    let goneTrack: string | undefined;
    this.#onRequest = (request) => {
      const onGone = () => {
        goneTrack = request.name;
        controller.abort();
      };
      void this.#pull(request, onGone, controller.signal);
    };
    const broadcast = this.#cdn.request(this.#path);
    const hops = [stableId(this.#path, this.instance, String(generation))];
    const publication = this.#toRelay.publish(this.#path, broadcast, { hops });
    this.state.set("announced", NOT_VERIFIED);
    this.#log.info("shown on the relay", { path: this.#path });
    const stopWatching = this.#watchSilence();
    void broadcast.closed.then(() => controller.abort());
    await aborted(controller.signal);
    release();
    stopWatching();
    this.#onRequest = undefined;
    publication.finish();
    broadcast.close();
    return goneTrack;
  }

  async #pull(request: TrackRequest, onGone: () => void, signal: AbortSignal): Promise<void> {
    const pull = new TrackPull(
      {
        request,
        sessions: this.#sessions,
        runtime: this.#runtime,
        holdMs: HOLD_MS,
        onAccepted: () => this.state.set("announced"),
        onGone,
      },
      signal,
    );
    this.#pulls.add(pull);
    try {
      await pull.run();
    } catch (error) {
      const why = toMoqError(error, "pull_failed", "subscription").message;
      const { path, name: track } = request;
      this.#log.error("internal error while reading a track", { path, track, why });
    } finally {
      this.#pulls.delete(pull);
    }
  }

  /** Cloudflare says little of death: a stream that falls silent is asked for once more. Returns how to stop. */
  #watchSilence(): () => void {
    let frames = 0;
    let asked = false;
    let cancel = () => {};
    const look = () => {
      const flowing = [...this.#pulls].filter((pull) => pull.frameCount > 0);
      const before = frames;
      frames = flowing.reduce((sum, pull) => sum + pull.frameCount, 0);
      const silent = flowing.length > 0 && frames === before;
      if (silent && !asked) {
        this.state.set("announced", SILENT);
        flowing[0]?.verify();
      } else if (!silent && asked) this.state.set("announced");
      asked = silent;
      cancel = this.#runtime.setTimer(SILENCE_MS, look);
    };
    look();
    return () => cancel();
  }

  /** Asks for a track that was there until it is there again. */
  async #untilBack(track: string, signal: AbortSignal): Promise<void> {
    for (let failures = 1; ; failures++) {
      await backoff(this.#runtime, failures, PROBE, signal);
      const { session, release } = await this.#sessions.lease("track", signal);
      let subscription: Subscription | undefined;
      try {
        subscription = session.subscribe(this.#path, track);
        await untilAborted(subscription.accepted, signal);
        return;
      } catch {
        // Still gone, or the session is: either way it is asked again.
      } finally {
        subscription?.unsubscribe();
        release();
      }
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
