import { Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { listenNative, listenWebSocket, type TransportServer } from "@moq-bridge/transport";
import type { Scene } from "../../testing/src/scene.js";
import {
  acceptIetf14,
  cloudflare,
  IETF14_PROTOCOLS,
  type Ietf14Session,
  type Ietf14Stats,
  type PeerNamespace,
  type PeerProfile,
} from "../src/index.js";

/**
 * The smallest draft-14 relay that this package makes: what one client
 * publishes is served to the others from one Origin.
 */
export class ServingRelay {
  /** WebTransport. */
  readonly url: string;
  readonly wsUrl: string;
  readonly origin = new Origin({ runtime, idleMs: 200 });
  readonly namespaces = new Set<string>();
  /** What each session's transport agreed on. */
  readonly protocols: (string | undefined)[] = [];
  /** Sessions that did not come about. */
  readonly failures: unknown[] = [];
  readonly #profile: PeerProfile;
  readonly #sessions = new Set<Ietf14Session>();

  private constructor(profile: PeerProfile, quic: number, ws: number) {
    this.#profile = profile;
    this.url = `https://127.0.0.1:${quic}`;
    this.wsUrl = `ws://127.0.0.1:${ws}`;
  }

  /** @param profile by default that of Cloudflare's library, whose clients end a session on some messages */
  static async start(scene: Scene, profile: PeerProfile = cloudflare): Promise<ServingRelay> {
    const common = { host: "127.0.0.1", port: 0, protocols: IETF14_PROTOCOLS };
    const quic = await listenNative({ ...common, identity: scene.certificate });
    const ws = await listenWebSocket(common);
    const relay = new ServingRelay(profile, quic.port, ws.port);
    for (const server of [quic, ws]) {
      scene.onEnd(() => server.close());
      void relay.#acceptAll(server);
    }
    return relay;
  }

  /** What its sessions did, in order. */
  stats(): Ietf14Stats[] {
    return [...this.#sessions].map((session) => session.stats());
  }

  async #acceptAll(server: TransportServer): Promise<void> {
    for (let next = await server.accept(); next; next = await server.accept()) {
      this.protocols.push(next.protocol);
      acceptIetf14(next, {
        runtime,
        profile: this.#profile,
        serve: this.origin,
        onPublishNamespace: (namespace, session) => this.#take(namespace, session),
      }).then(
        (session) => this.#sessions.add(session),
        (error) => this.failures.push(error),
      );
    }
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
