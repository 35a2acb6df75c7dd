import {
  connectWebSocket,
  listenWebSocket,
  type TransportServer,
  type TransportSession,
} from "@moq-bridge/transport";
import { EventLog } from "../event-log.js";
import type { SceneContext } from "../scene.js";
import { LiteConnection } from "./lite-connection.js";
import { SCRIPTED_LITE_PROTOCOL } from "./lite-version.js";
import { SERVER_SETUP_UNKNOWN_VERSION } from "./server-setup.js";

/** What the server does with a session; `unknown-version` agrees to no protocol, so that a SETUP is exchanged. */
export type LiteServerBehaviour = "accept" | "close" | "unknown-version";

/** A moq-lite server over WebSocket whose sessions a test drives. */
export class ScriptedLiteServer {
  readonly connections = new EventLog<LiteConnection>(() => "a session");
  /** Sessions that arrived, whatever became of them; `performance.now()` of each. */
  readonly arrivals = new EventLog<number>();
  readonly #server: TransportServer;
  readonly #behaviour: LiteServerBehaviour;

  private constructor(server: TransportServer, behaviour: LiteServerBehaviour) {
    this.#server = server;
    this.#behaviour = behaviour;
    void this.#acceptAll();
  }

  static async start(
    context: SceneContext,
    behaviour: LiteServerBehaviour = "accept",
  ): Promise<ScriptedLiteServer> {
    const server = await listenWebSocket({
      host: "127.0.0.1",
      port: 0,
      ...(behaviour === "unknown-version"
        ? { protocols: [], framings: ["webtransport"] }
        : { protocols: [SCRIPTED_LITE_PROTOCOL] }),
    });
    const scripted = new ScriptedLiteServer(server, behaviour);
    context.onEnd(() => scripted.stop());
    return scripted;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#server.port}/`;
  }

  /** The session number `index` (from 0), once it is there. */
  async connected(options: {
    readonly index?: number;
    readonly timeoutMs: number;
  }): Promise<LiteConnection> {
    const index = options.index ?? 0;
    const all = await this.connections.waitForCount(() => true, index + 1, {
      what: `moq-lite session ${index}`,
      timeoutMs: options.timeoutMs,
    });
    return all[index] as LiteConnection;
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }

  async #acceptAll(): Promise<void> {
    for (;;) {
      const transport: TransportSession | undefined = await this.#server.accept();
      if (transport === undefined) return;
      this.arrivals.push(performance.now());
      if (this.#behaviour === "close") transport.close(1, "not today");
      else if (this.#behaviour === "accept") this.connections.push(LiteConnection.start(transport));
      else void answerWithUnknownVersion(transport).catch(() => {});
    }
  }
}

async function answerWithUnknownVersion(transport: TransportSession): Promise<void> {
  const setup = await transport.acceptBidi();
  await setup?.recv.read();
  await setup?.send.write(SERVER_SETUP_UNKNOWN_VERSION);
}

/** Opens a moq-lite session with a real relay over WebSocket. Ends with the scene. */
export async function connectScriptedLite(
  context: SceneContext,
  url: string,
): Promise<LiteConnection> {
  const transport = await connectWebSocket(url, {
    protocols: [SCRIPTED_LITE_PROTOCOL],
    timeoutMs: 10_000,
  });
  context.onEnd(async () => transport.close(0, "done"));
  return LiteConnection.start(transport);
}
