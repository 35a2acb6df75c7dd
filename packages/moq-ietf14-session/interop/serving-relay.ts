import { Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { listenNative } from "@moq-bridge/transport";
import type { Scene } from "../../testing/src/scene.js";
import {
  acceptIetf14,
  cloudflare,
  IETF14_PROTOCOLS,
  type Ietf14Session,
  type Ietf14Stats,
  type PeerNamespace,
} from "../src/index.js";

/**
 * The smallest draft-14 relay that this package makes: what one client
 * publishes is served to the others from one Origin.
 */
export class ServingRelay {
  readonly url: string;
  readonly origin = new Origin({ runtime, idleMs: 200 });
  readonly namespaces = new Set<string>();
  readonly #sessions = new Set<Ietf14Session>();

  private constructor(url: string) {
    this.url = url;
  }

  static async start(scene: Scene): Promise<ServingRelay> {
    const server = await listenNative({
      host: "127.0.0.1",
      port: 0,
      identity: scene.certificate,
      protocols: IETF14_PROTOCOLS,
    });
    scene.onEnd(() => server.close());
    const relay = new ServingRelay(`https://127.0.0.1:${server.port}`);
    const accept = async () => {
      for (let next = await server.accept(); next; next = await server.accept()) {
        void acceptIetf14(next, {
          runtime,
          // The clients of moq-rs end a session on messages that Cloudflare's relay does not send.
          profile: cloudflare,
          serve: relay.origin,
          onPublishNamespace: (namespace, session) => relay.#take(namespace, session),
        }).then((session) => relay.#sessions.add(session));
      }
    };
    void accept();
    return relay;
  }

  /** What its sessions did, in order. */
  stats(): Ietf14Stats[] {
    return [...this.#sessions].map((session) => session.stats());
  }

  #take(namespace: PeerNamespace, session: Ietf14Session): void {
    const { path } = namespace;
    this.namespaces.add(path);
    const broadcast = this.origin.createBroadcast(path, {
      onTrack: (request) => {
        const subscription = session.subscribe(path, request.name, request.demand);
        subscription.accepted.then(
          (info) => {
            const track = request.accept(info);
            subscription.fill(track);
            void subscription.done.then(() => track.finish());
          },
          (error) => request.reject(error),
        );
      },
    });
    namespace.accept();
    void namespace.ended.then(() => {
      this.namespaces.delete(path);
      broadcast.finish();
    });
  }
}
