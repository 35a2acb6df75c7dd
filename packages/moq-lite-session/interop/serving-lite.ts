import { Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { listenNative, listenWebSocket, type TransportServer } from "@moq-bridge/transport";
import type { Scene } from "../../testing/src/scene.js";
import { acceptLite, type LiteSession, type LiteVersion } from "../src/index.js";

/** The application protocol that leads to a version. */
export const PROTOCOL: Readonly<Record<LiteVersion, string>> = {
  "lite-01": "moql",
  "lite-02": "moql",
  "lite-03": "moq-lite-03",
  "lite-04": "moq-lite-04",
  "lite-05": "moq-lite-05",
  "lite-06": "moq-lite-06",
};

/** The smallest moq-lite relay that this package makes: one Origin, filled and read by every session, in one version. */
export class ServingLite {
  readonly httpsUrl: string;
  readonly wsUrl: string;
  readonly origin = new Origin({ runtime, idleMs: 200 });
  readonly sessions: LiteSession[] = [];
  /** Sessions that did not come about. */
  readonly failures: unknown[] = [];
  readonly #version: LiteVersion;

  private constructor(version: LiteVersion, quic: number, ws: number) {
    this.#version = version;
    this.httpsUrl = `https://127.0.0.1:${quic}/`;
    this.wsUrl = `ws://127.0.0.1:${ws}/`;
  }

  static async start(scene: Scene, version: LiteVersion): Promise<ServingLite> {
    const protocols = [PROTOCOL[version]];
    const common = { host: "127.0.0.1", port: 0, protocols };
    const quic = await listenNative({ ...common, identity: scene.certificate });
    const ws = await listenWebSocket(common);
    const relay = new ServingLite(version, quic.port, ws.port);
    for (const server of [quic, ws]) {
      scene.onEnd(() => server.close());
      void relay.#acceptAll(server);
    }
    return relay;
  }

  async #acceptAll(server: TransportServer): Promise<void> {
    for (let next = await server.accept(); next; next = await server.accept()) {
      const version = this.#version;
      acceptLite(next, {
        runtime,
        originId: 77n,
        publish: this.origin,
        subscribe: this.origin,
        ...(version === "lite-01" || version === "lite-02" ? { setupVersions: [version] } : {}),
      }).then(
        (session) => this.sessions.push(session),
        (error) => this.failures.push(error),
      );
    }
  }
}
