import {
  connectNative,
  listenNative,
  type TransportServer,
  type TransportSession,
} from "@moq-bridge/transport";
import { EventLog } from "../event-log.js";
import type { SceneContext } from "../scene.js";
import { IetfConnection } from "./ietf-connection.js";
import { SERVER_SETUP_UNKNOWN_VERSION } from "./server-setup.js";

const PROTOCOLS = ["moq-00"];

/** What the server does with a client's SETUP. */
export type SetupBehaviour = "accept" | "close" | "unknown-version";

/** A draft-14 server over WebTransport whose sessions a test drives. */
export class ScriptedIetfServer {
  /** Sessions that completed SETUP, in order. */
  readonly connections = new EventLog<IetfConnection>(() => "a session");
  /** Sessions that arrived, whatever became of them; `performance.now()` of each. */
  readonly arrivals = new EventLog<number>();
  readonly #server: TransportServer;
  readonly #behaviour: SetupBehaviour;

  private constructor(server: TransportServer, behaviour: SetupBehaviour) {
    this.#server = server;
    this.#behaviour = behaviour;
    void this.#acceptAll();
  }

  static async start(
    context: SceneContext,
    behaviour: SetupBehaviour = "accept",
  ): Promise<ScriptedIetfServer> {
    const server = await listenNative({
      host: "127.0.0.1",
      port: 0,
      identity: context.certificate,
      protocols: PROTOCOLS,
    });
    const scripted = new ScriptedIetfServer(server, behaviour);
    context.onEnd(() => scripted.stop());
    return scripted;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#server.port}/`;
  }

  /** The session number `index` (from 0), once it has completed SETUP. */
  async connected(options: {
    readonly index?: number;
    readonly timeoutMs: number;
  }): Promise<IetfConnection> {
    const index = options.index ?? 0;
    const all = await this.connections.waitForCount(() => true, index + 1, {
      what: `draft-14 session ${index}`,
      timeoutMs: options.timeoutMs,
    });
    return all[index] as IetfConnection;
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }

  async #acceptAll(): Promise<void> {
    for (;;) {
      const transport = await this.#server.accept();
      if (transport === undefined) return;
      this.arrivals.push(performance.now());
      void this.#serve(transport).catch(() => {});
    }
  }

  async #serve(transport: TransportSession): Promise<void> {
    if (this.#behaviour === "accept") {
      this.connections.push(await IetfConnection.accept(transport));
      return;
    }
    const control = await transport.acceptBidi();
    await control?.recv.read();
    if (this.#behaviour === "close") {
      transport.close(1, "not today");
      return;
    }
    await control?.send.write(SERVER_SETUP_UNKNOWN_VERSION);
  }
}

/** Opens a draft-14 session with a real relay. Ends with the scene. */
export async function connectScriptedIetf(
  context: SceneContext,
  url: string,
): Promise<IetfConnection> {
  const transport = await connectNative(url, {
    protocols: PROTOCOLS,
    tls: { ca: context.certificate.ca },
    timeoutMs: 10_000,
  });
  context.onEnd(async () => transport.close(0, "done"));
  return IetfConnection.connect(transport);
}
