import { endError } from "./errors.js";
import type { Instance } from "./instance.js";
import type {
  BroadcastConsumer,
  EndReason,
  Hops,
  Path,
  TrackConsumer,
  TrackDemand,
} from "./model.js";
import { RefusedTrack } from "./refused-track.js";

/**
 * An announced instance as readers see it, from `active` to `ended`. The same
 * instance announced again later is another of these.
 */
export class AnnouncedBroadcast implements BroadcastConsumer {
  readonly path: Path;
  readonly instance: Instance;
  readonly closed: Promise<EndReason>;
  readonly #hops: () => Hops;
  #ended: EndReason | undefined;
  #resolveClosed: (reason: EndReason) => void = () => {};

  constructor(instance: Instance, hops: () => Hops) {
    this.path = instance.path;
    this.instance = instance;
    this.#hops = hops;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get hops(): Hops {
    return this.#hops();
  }

  /** How it ended, once it has. */
  get ended(): EndReason | undefined {
    return this.#ended;
  }

  subscribe(track: string, demand?: TrackDemand): TrackConsumer {
    if (this.#ended) {
      const error = endError(this.#ended, "broadcast_ended", "the broadcast is over");
      return new RefusedTrack(track, error);
    }
    return this.instance.subscribe(track, demand);
  }

  close(): void {}

  /** Called by the Origin. */
  end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#resolveClosed(reason);
  }
}
