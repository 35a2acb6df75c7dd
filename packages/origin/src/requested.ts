import type { MoqError } from "@moq-bridge/runtime";
import { aborted, FINISHED, subscriptionError } from "./errors.js";
import { Instance, type InstanceOwner, type InstanceSettings } from "./instance.js";
import type {
  BroadcastConsumer,
  EndReason,
  Hops,
  Path,
  TrackConsumer,
  TrackDemand,
} from "./model.js";
import { RefusedTrack } from "./refused-track.js";
import type { Supplier } from "./track-request.js";

/** What a requested broadcast needs of its Origin. */
export interface RequestedOwner {
  readonly settings: InstanceSettings;
  /** The newest dynamic handler. */
  newestHandler(): Supplier | undefined;
  /** It ended: the next request makes a new one. */
  requestedEnded(requested: Requested): void;
}

/** A broadcast somebody asked for by name: one instance for all who hold it or read from it. */
export class Requested implements InstanceOwner {
  readonly instance: Instance;
  readonly #owner: RequestedOwner;
  #holders = 0;

  constructor(path: Path, owner: RequestedOwner) {
    this.#owner = owner;
    this.instance = new Instance(path, owner.settings, this);
  }

  /** One more holder. */
  open(): BroadcastConsumer {
    this.#holders++;
    return new RequestedBroadcast(this.instance, () => {
      this.#holders--;
      if (this.#holders > 0) return;
      this.instance.releaseUnread();
      this.quieter();
    });
  }

  /** Ends it, with its tracks. */
  end(reason: EndReason): void {
    if (this.instance.ended) return;
    this.#owner.requestedEnded(this);
    this.instance.end(reason, { letTracksRun: false });
  }

  supplier(): Supplier | "later" {
    return this.#owner.newestHandler() ?? "later";
  }

  relayed(): undefined {
    return undefined;
  }

  idleMs(): number {
    return this.#holders > 0 ? this.#owner.settings.idleMs : 0;
  }

  quieter(): void {
    if (this.#holders === 0 && this.instance.idle) this.end(FINISHED);
  }

  replaced(error: MoqError): void {
    this.end(aborted(error));
  }
}

/** One holder's handle. */
class RequestedBroadcast implements BroadcastConsumer {
  readonly hops: Hops = [];
  readonly #instance: Instance;
  readonly #release: () => void;
  #closed = false;

  constructor(instance: Instance, release: () => void) {
    this.#instance = instance;
    this.#release = release;
  }

  get path(): Path {
    return this.#instance.path;
  }

  get closed(): Promise<EndReason> {
    return this.#instance.closed;
  }

  subscribe(track: string, demand?: TrackDemand): TrackConsumer {
    if (this.#closed) {
      return new RefusedTrack(
        track,
        subscriptionError("broadcast_closed", "the broadcast was closed here"),
      );
    }
    return this.#instance.subscribe(track, demand);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
  }
}
