import { fileURLToPath } from "node:url";
import { PeerProcess, type Scene } from "@moq-bridge/testing";
import {
  listenNative,
  type RecvStream,
  type SendStream,
  type TransportSession,
} from "@moq-bridge/transport";
import { type Load, pause, sendLoad } from "./load.js";

/** What went through the addon alone: frames sent, and those whose bytes arrived. */
export interface AddonResult {
  readonly sent: number;
  readonly received: number;
  readonly bytes: number;
  readonly groups: number;
}

const DRAIN_MS = 1_000;

/** The process that only receives and sends with the addon, and both its ends here. */
export class AddonAlone {
  readonly process: PeerProcess;
  readonly #source: TransportSession;
  readonly #sink: TransportSession;
  #bytes = 0;
  #groups = 0;

  private constructor(process: PeerProcess, source: TransportSession, sink: TransportSession) {
    this.process = process;
    this.#source = source;
    this.#sink = sink;
    void this.#read();
  }

  static async start(scene: Scene): Promise<AddonAlone> {
    const { cert, key, fingerprint } = scene.certificate;
    const server = await listenNative({
      host: "127.0.0.1",
      port: 0,
      identity: { cert, key },
      protocols: [],
    });
    scene.onEnd(() => server.close());
    const forwarder = await PeerProcess.start({
      name: "addon",
      command: process.execPath,
      args: [
        fileURLToPath(new URL("./addon-forwarder.js", import.meta.url)),
        `https://127.0.0.1:${server.port}/`,
        fingerprint,
      ],
      logFile: scene.logFile("addon"),
    });
    scene.onEnd(() => forwarder.stop());
    const sessions = [await server.accept(), await server.accept()];
    const at = (path: string) => {
      const session = sessions.find((each) => each?.path === path);
      if (!session) throw new Error(`the forwarder did not connect to ${path}`);
      return session;
    };
    await forwarder.waitForLine(/ready/, { timeoutMs: 5_000 });
    return new AddonAlone(forwarder, at("/in"), at("/out"));
  }

  /** Sends a load, a stream for each group. */
  async measure(load: Load): Promise<AddonResult> {
    const before = { bytes: this.#bytes, groups: this.#groups };
    let group: GroupStream | undefined;
    await sendLoad(load, {
      group: () => {
        group?.finish();
        group = new GroupStream(this.#source);
      },
      frame: (payload) => group?.write(payload),
      end: () => group?.finish(),
    });
    await pause(DRAIN_MS);
    const bytes = this.#bytes - before.bytes;
    return {
      sent: load.framesPerSecond * load.seconds,
      received: Math.floor(bytes / load.frameBytes),
      bytes,
      groups: this.#groups - before.groups,
    };
  }

  async #read(): Promise<void> {
    for (let stream = await this.#sink.acceptUni(); stream; stream = await this.#sink.acceptUni()) {
      this.#groups++;
      void this.#readStream(stream).catch(() => undefined);
    }
  }

  async #readStream(stream: RecvStream): Promise<void> {
    for (let chunk = await stream.read(); chunk; chunk = await stream.read()) {
      this.#bytes += chunk.byteLength;
    }
  }
}

/** A group as its frames come, one stream. */
class GroupStream {
  #written: Promise<unknown>;
  readonly #stream: Promise<SendStream>;

  constructor(session: TransportSession) {
    this.#stream = session.openUni();
    this.#written = this.#stream;
  }

  write(payload: Uint8Array): void {
    this.#then((stream) => stream.write(payload));
  }

  finish(): void {
    this.#then((stream) => stream.finish());
  }

  #then(next: (stream: SendStream) => Promise<void> | void): void {
    this.#written = Promise.all([this.#stream, this.#written])
      .then(([stream]) => next(stream))
      .catch(() => undefined);
  }
}
