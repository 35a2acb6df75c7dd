import {
  cloudflare,
  connectIetf14,
  IETF14_PROTOCOLS,
  type Ietf14Session,
} from "@moq-bridge/moq-ietf14-session";
import { Origin, type Path } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { dial, type Endpoint } from "./endpoint.js";
import { pause, Redial } from "./redial.js";
import type { TrackCheck } from "./track-check.js";

/** After a refusal or an end the next attempt comes this much later, in milliseconds. */
const AGAIN_MS = 250;

/** A publisher and viewer on the draft-14 relay. */
export class Ietf14Client {
  /** Published there: what is here when a session comes up. */
  readonly publish = new Origin({ runtime });
  readonly #redial: Redial<Ietf14Session>;
  readonly #sinks = new Origin({ runtime });
  #nextSink = 0;

  constructor(endpoint: Endpoint) {
    this.#redial = new Redial(
      async () =>
        connectIetf14(await dial(endpoint, IETF14_PROTOCOLS), { runtime, profile: cloudflare }),
      (session) => this.#announce(session),
    );
  }

  start(): void {
    this.#redial.start();
  }

  stop(): void {
    this.#redial.stop();
    this.#sinks.close();
  }

  /** Watches a track from now on: nothing tells when it is there, so it is asked for again and again. */
  async watch(path: Path, check: TrackCheck): Promise<void> {
    const { name } = check.published.spec;
    const at = `sink/${this.#nextSink++}`;
    const sink = this.#sinks.createBroadcast(at).createTrack(name);
    const reader = this.#sinks.broadcast(at)?.subscribe(name);
    if (reader) void check.follow(reader);
    while (!this.#redial.stopped) {
      const session = await this.#redial.session();
      try {
        const subscription = session.subscribe(path, name);
        await subscription.accepted;
        subscription.fill(sink);
        await subscription.done;
      } catch {
        // Not there yet, or no more.
      }
      sink.detach();
      await pause(AGAIN_MS);
    }
  }

  #announce(session: Ietf14Session): void {
    const announced = this.publish.announced();
    for (let next = announced.tryNext(); next; next = announced.tryNext()) {
      if (next.type === "active") void this.#hold(session, next.path);
    }
    announced.close();
  }

  /** Keeps a name on one session; a relay that was restarted, or is slow to let go, may refuse it at first. */
  async #hold(session: Ietf14Session, path: Path): Promise<void> {
    let open = true;
    void session.closed.then(() => {
      open = false;
    });
    while (open && !this.#redial.stopped) {
      const broadcast = this.publish.broadcast(path);
      if (!broadcast) return;
      try {
        const publication = session.publishNamespace(path, broadcast);
        const end = await publication.ended;
        if (end.type === "refused") publication.withdraw();
      } catch {
        // The session has ended, which the loop sees.
      }
      await pause(AGAIN_MS);
    }
  }
}
