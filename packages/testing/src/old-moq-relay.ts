import { once } from "node:events";
import { connect } from "node:net";
import { PeerProcess } from "./peer-process.js";
import { peerExecutable } from "./peers/locate.js";
import { freePort } from "./ports.js";
import type { SceneContext } from "./scene.js";
import { eventually } from "./wait.js";

const READY_MS = 15_000;

/** What differs from a relay open to everybody. */
export interface OldMoqRelayOptions {
  /** A key file as it reads it, with which every token must be signed. */
  readonly authKeyFile?: string;
  /** Further flags. */
  readonly flags?: readonly string[];
}

/** A real moq-relay 0.10.0 of December 2025. Its WebSocket has no session at the root path. */
export class OldMoqRelay {
  readonly port: number;
  readonly process: PeerProcess;

  private constructor(port: number, process: PeerProcess) {
    this.port = port;
    this.process = process;
  }

  static async start(
    context: SceneContext,
    options: OldMoqRelayOptions = {},
  ): Promise<OldMoqRelay> {
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    const { certificate } = context;
    const process = await PeerProcess.start({
      name: "moq-relay-0.10.0",
      command: peerExecutable("moq-relay-0.10.0"),
      args: [
        ...["--server-bind", address],
        ...["--tls-cert", certificate.files.cert, "--tls-key", certificate.files.key],
        ...["--web-http-listen", address, "--web-ws"],
        ...(options.flags ?? []),
        ...(options.authKeyFile === undefined
          ? ["--auth-public", ""]
          : ["--auth-key", options.authKeyFile]),
      ],
      logFile: context.logFile("moq-relay-0.10.0"),
    });
    await process.waitForLine(/listening/, { timeoutMs: READY_MS });
    // It says so of QUIC only.
    await eventually(() => acceptsTcp(port), { what: "its WebSocket", timeoutMs: READY_MS });
    return new OldMoqRelay(port, process);
  }

  /** WebTransport. */
  get httpsUrl(): string {
    return `https://127.0.0.1:${this.port}/`;
  }

  /** WebSocket, at a path that the session is rooted in. */
  wsUrl(path: string): string {
    return `ws://127.0.0.1:${this.port}/${path}`;
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}

async function acceptsTcp(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
