import { connectLite, LITE_PROTOCOLS } from "@moq-bridge/moq-lite-session";
import { Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import {
  type Clock,
  connectScriptedIetf,
  EventLog,
  elapse,
  type IetfConnection,
  type IetfEvent,
  type IetfRelay,
  type IetfTrackSource,
  PeerProcess,
  type Scene,
} from "@moq-bridge/testing";
import { connectNative } from "@moq-bridge/transport";
import { expect } from "vitest";
import { PATIENCE_MS, startClock } from "../interop/fixture.js";
import { BIN } from "../interop/run-command.js";

/** A refused or ended subscription is asked for again after this long. */
const AGAIN_MS = 250;
const TICKS_PER_GROUP = 10;
/** moq-relay-ietf keeps a dead publisher's name until its connection times out: 14 s. */
const NAME_FREE_MS = 25_000;

/** A frame as a viewer read it, on either side. */
export interface ReadFrame {
  readonly group: number;
  readonly index: number;
  readonly text: string;
  /** `performance.now()`. */
  readonly at: number;
}

/** A publisher and viewer on the relay, of this project, over WebTransport. */
export async function connectRelayPeer(scene: Scene, url: string) {
  const publish = new Origin({ runtime });
  const seen = new Origin({ runtime, idleMs: 200 });
  const transport = await connectNative(url, {
    protocols: LITE_PROTOCOLS,
    tls: { ca: scene.certificate.ca },
    timeoutMs: PATIENCE_MS,
  });
  const originId = BigInt(1 + Math.floor(Math.random() * 1e9));
  const session = await connectLite(transport, { runtime, originId, publish, subscribe: seen });
  scene.onEnd(async () => session.close());
  return { publish, seen };
}

/** A draft-14 viewer of one track that subscribes again whenever it is refused or its subscription ends. */
export class SteadyViewer {
  readonly frames = new EventLog<ReadFrame>();
  /** How its subscriptions ended, PUBLISH_DONE or SUBSCRIBE_ERROR. */
  readonly ends = new EventLog<{ readonly at: number; readonly how: string }>();
  readonly #connection: IetfConnection;
  readonly #path: string;
  readonly #track: string;
  #stopped = false;

  private constructor(connection: IetfConnection, path: string, track: string) {
    this.#connection = connection;
    this.#path = path;
    this.#track = track;
    connection.events.listen((event) => this.#handle(event));
  }

  /** Watches `track` of `path` at the draft-14 relay `url` until the scene ends. */
  static async start(scene: Scene, url: string, path: string, track: string) {
    const viewer = new SteadyViewer(await connectScriptedIetf(scene, url), path, track);
    void viewer.#follow();
    scene.onEnd(async () => viewer.stop());
    return viewer;
  }

  stop(): void {
    this.#stopped = true;
    this.#connection.close();
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      const ended = this.#nextEnd();
      this.#connection.sendSubscribe(this.#path, this.#track);
      await ended;
      await elapse(AGAIN_MS);
    }
  }

  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.ends.listen(() => {
        stop();
        resolve();
      });
    });
  }

  #handle(event: IetfEvent): void {
    if (event.type === "object-end") {
      const { group, object: index, payload, at } = event;
      this.frames.push({ group, index, text: payload.toString(), at });
    } else if (event.type === "received") {
      const { message } = event;
      if (message.type === "publish_done") {
        this.ends.push({ at: event.at, how: `PUBLISH_DONE ${message.statusCode}` });
      } else if (message.type === "subscribe_error") {
        this.ends.push({ at: event.at, how: `SUBSCRIBE_ERROR ${message.errorCode}` });
      }
    } else if (event.type === "closed") this.ends.push({ at: event.at, how: "closed" });
  }
}

/** Writes an object of its own text to `source` every so often until the scene ends, or the returned function is called. */
export function tick(
  scene: Scene,
  source: IetfTrackSource,
  name: string,
  everyMs: number,
): () => void {
  let count = 0;
  const timer = setInterval(() => {
    const [group, index] = [Math.floor(count / TICKS_PER_GROUP), count % TICKS_PER_GROUP];
    if (index === 0) void source.openGroup(group);
    void source.writeObject(tickText(name, group, index));
    count++;
  }, everyMs);
  const stop = () => clearInterval(timer);
  scene.onEnd(async () => stop());
  return stop;
}

/** What a ticking publisher of either side writes. */
export function tickText(name: string, group: number, index: number): string {
  return `${name} group ${group} frame ${index}`;
}

/** Each frame is what the publisher `name` wrote in that place. */
export function expectUnaltered(frames: readonly ReadFrame[], name: string): void {
  expect(frames.map(({ text }) => text)).toEqual(
    frames.map(({ group, index }) => tickText(name, group, index)),
  );
}

/** The longest time without a frame between the first and the last, in milliseconds. */
export function longestGap(frames: readonly { readonly at: number }[]): number {
  return Math.max(0, ...frames.slice(1).map(({ at }, index) => at - (frames[index]?.at ?? at)));
}

/** A clock that took over its name: real clocks give up when it is refused, so each is started anew until one is accepted. */
export async function clockAccepted(
  scene: Scene,
  ietf: IetfRelay,
  namespace: string,
): Promise<Clock> {
  const end = performance.now() + NAME_FREE_MS;
  for (;;) {
    const from = ietf.control.length;
    const clock = await startClock(scene, ietf, namespace);
    const answer = await ietf.control.waitFor(
      ({ direction, type }) =>
        direction === "sent" &&
        (type === "PUBLISH_NAMESPACE_OK" || type === "PUBLISH_NAMESPACE_ERROR"),
      { what: "an answer to PUBLISH_NAMESPACE", timeoutMs: PATIENCE_MS, from },
    );
    if (answer.type === "PUBLISH_NAMESPACE_OK") return clock;
    await clock.kill();
    if (performance.now() > end) throw new Error(`the name was still taken: ${answer.text}`);
    await elapse(500);
  }
}

/** Starts the draft-14 relay of this project with the behaviour of a preset; gives its URL. */
export async function startPreset(scene: Scene, behave: string): Promise<string> {
  const { cert, key } = scene.certificate.files;
  const relay = await PeerProcess.start({
    name: behave,
    command: process.execPath,
    args: [
      ...[BIN, "relay", "--dialect", "draft-14", "--behave", behave, "--listen", "127.0.0.1:0"],
      ...["--tls-cert", cert, "--tls-key", key],
    ],
    logFile: scene.logFile(behave),
  });
  scene.onEnd(() => relay.stop());
  const { text } = await relay.waitForLine(/WebTransport: https:/, { timeoutMs: 20_000 });
  const url = /https:\S+[^,\s]/.exec(text)?.[0];
  if (url === undefined) throw new Error(`no URL in: ${text}`);
  return url;
}
