import type { TestCertificate } from "./certificates.js";
import { PeerProcess } from "./peer-process.js";
import { peerExecutable } from "./peers/locate.js";
import { freePort } from "./ports.js";
import type { SceneContext } from "./scene.js";

const READY_MS = 15_000;

/** What differs from a relay open to everybody. */
export interface MoqRelayOptions {
  readonly name?: string;
  /** Only these, for example `moq-lite-05`. */
  readonly versions?: readonly string[];
  /** Time for sessions to leave after SIGTERM; they are sent a GOAWAY when it is not 0. */
  readonly drainTimeout?: string;
  /** Default: the scene's. */
  readonly certificate?: TestCertificate;
  /** Asked about every session; without it everybody may do everything. */
  readonly authUrl?: string;
  /** Further flags. */
  readonly flags?: readonly string[];
}

/** A session as moq-relay's operations endpoint lists it. */
export interface MoqRelaySession {
  readonly id: string;
  readonly transport: "quic" | "websocket";
  readonly remote: string;
  readonly alpn: string;
  readonly path: string;
}

/** A real moq-relay 0.17.10. Keeps its ports and certificate from one life to the next. */
export class MoqRelay {
  readonly port: number;
  readonly #operationsPort: number;
  readonly #context: SceneContext;
  readonly #options: MoqRelayOptions;
  #process: PeerProcess | undefined;

  private constructor(
    context: SceneContext,
    options: MoqRelayOptions,
    ports: readonly [number, number],
  ) {
    this.#context = context;
    this.#options = options;
    this.port = ports[0];
    this.#operationsPort = ports[1];
  }

  static async start(context: SceneContext, options: MoqRelayOptions = {}): Promise<MoqRelay> {
    const relay = new MoqRelay(context, options, [await freePort(), await freePort()]);
    await relay.start();
    return relay;
  }

  /** WebTransport. */
  get httpsUrl(): string {
    return `https://127.0.0.1:${this.port}/`;
  }

  /** WebSocket without TLS, on the TCP port of the same number. */
  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  get process(): PeerProcess {
    if (this.#process === undefined) throw new Error("moq-relay is not running");
    return this.#process;
  }

  /** Starts it (again) and resolves when it listens. */
  async start(): Promise<void> {
    const address = `127.0.0.1:${this.port}`;
    const options = this.#options;
    const certificate = options.certificate ?? this.#context.certificate;
    const name = options.name ?? "moq-relay";
    this.#process = await PeerProcess.start({
      name,
      command: peerExecutable("moq-relay"),
      args: [
        ...["--listen", address],
        ...["--listen-tls-cert", certificate.files.cert],
        ...["--listen-tls-key", certificate.files.key],
        ...["--web-http-listen", address],
        ...["--internal-listen", `127.0.0.1:${this.#operationsPort}`],
        ...(options.authUrl === undefined
          ? ["--auth-public", "**"]
          : ["--auth-url", options.authUrl]),
        ...(options.drainTimeout === undefined ? [] : ["--drain-timeout", options.drainTimeout]),
        ...(options.versions ?? []).flatMap((version) => ["--listen-version", version]),
        ...(options.flags ?? []),
      ],
      logFile: this.#context.logFile(name),
    });
    await this.#process.waitForLine(/listening.*kind="http"/, { timeoutMs: READY_MS });
    await this.#process.waitForLine(/listening.*kind="quic"/, { timeoutMs: READY_MS });
  }

  /** The sessions it has now. */
  async sessions(): Promise<readonly MoqRelaySession[]> {
    const response = await fetch(`http://127.0.0.1:${this.#operationsPort}/sessions`);
    const body = (await response.json()) as { sessions: MoqRelaySession[] };
    return body.sessions;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.process.kill();
  }

  /** SIGTERM: sessions are closed, or drained first (see `drainTimeout`). */
  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
