import { connectLite, LITE_PROTOCOLS, type LiteSession } from "@moq-bridge/moq-lite-session";
import { type BroadcastConsumer, Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { dial, type Endpoint } from "./endpoint.js";
import { pause, Redial } from "./redial.js";
import type { TrackCheck } from "./track-check.js";

/** A track that ended although its broadcast lives is asked for again after this long, in milliseconds. */
const AGAIN_MS = 250;

/** A publisher and viewer on the moq-lite relay. */
export class LiteClient {
  /** Published there. */
  readonly publish = new Origin({ runtime });
  readonly #seen = new Origin({ runtime });
  readonly #redial: Redial<LiteSession>;

  constructor(endpoint: Endpoint, originId: bigint) {
    this.#redial = new Redial(async () =>
      connectLite(await dial(endpoint, LITE_PROTOCOLS), {
        runtime,
        originId,
        publish: this.publish,
        subscribe: this.#seen,
      }),
    );
  }

  start(): void {
    this.#redial.start();
  }

  stop(): void {
    this.#redial.stop();
    this.#seen.close();
  }

  /** Watches a track from now on, each time its broadcast is announced. */
  async watch(path: string, check: TrackCheck): Promise<void> {
    for await (const announcement of this.#seen.announced(path)) {
      if (announcement.type === "active" && announcement.path === path) {
        void this.#follow(announcement.broadcast, check);
      }
    }
  }

  async #follow(broadcast: BroadcastConsumer, check: TrackCheck): Promise<void> {
    let over = false;
    void broadcast.closed.then(() => {
      over = true;
    });
    while (!over && !this.#redial.stopped) {
      await check.follow(broadcast.subscribe(check.published.spec.name));
      if (!over) await pause(AGAIN_MS);
    }
  }
}
