import { Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import type { IetfRelay } from "../../testing/src/ietf-relay.js";
import type { Scene } from "../../testing/src/scene.js";
import { elapse } from "../../testing/src/wait.js";
import { connectTo, publishTrack } from "../interop/relay.fixture.js";
import type { Ietf14Session, PeerProfile } from "../src/index.js";

/** What {@link runAudioLine} does. */
export interface AudioLine {
  readonly profile: PeerProfile;
  readonly seconds: number;
  /** Share of the publisher's packets that are lost, each way. */
  readonly loss: number;
  /** Each way. */
  readonly delayMs: number;
  readonly seed?: number;
  /** Objects of one group, and milliseconds between objects. Default 1 and 20. */
  readonly objectsPerGroup?: number;
  readonly everyMs?: number;
}

/** What came of it. */
export interface AudioLineResult {
  readonly groups: number;
  /** Groups that reached the viewer whole. */
  readonly received: number;
  /** PUBLISH_DONEs the viewer got, each followed by a new SUBSCRIBE. */
  readonly deaths: number;
  /** Groups the publisher skipped, and those it let go before the relay confirmed them. */
  readonly skipped: number;
  readonly unconfirmed: number;
  readonly packetsLost: number;
  /** Milliseconds from the publisher's write to the viewer's read, of the 50th and 99th of a hundred. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

const PATH = "audio/line";
const TRACK = "audio";

/** Sends an audio-like track through the relay over a bad line, to a viewer on a good one who subscribes again after each end. */
export async function runAudioLine(
  scene: Scene,
  relay: IetfRelay,
  line: AudioLine,
): Promise<AudioLineResult> {
  const { profile, seconds, objectsPerGroup = 1, everyMs = 20, ...impairment } = line;
  const proxy = await scene.udpProxy(relay.port);
  const publisher = await connectTo(scene, proxy.url, profile);
  const track = await publishTrack(publisher, PATH, TRACK);
  const viewer = new Viewer(await connectTo(scene, relay.url));
  await viewer.subscribe();
  await elapse(500);
  proxy.impair(impairment);
  const count = Math.round((seconds * 1_000) / (everyMs * objectsPerGroup));
  const start = runtime.now();
  let due = start;
  for (let sequence = 1; sequence <= count; sequence++) {
    const group = track.openGroup(sequence);
    for (let object = 1; object <= objectsPerGroup; object++) {
      group?.writeFrame(stamped());
      if (object === objectsPerGroup) group?.finish();
      due += everyMs;
      await elapse(Math.max(0, due - runtime.now()));
    }
  }
  const { lost: packetsLost } = proxy;
  proxy.impair({ loss: 0, delayMs: 0 });
  await elapse(1_500);
  viewer.stop();
  return {
    groups: count,
    received: viewer.complete.size,
    deaths: viewer.deaths,
    skipped: publisher.stats().groupsSkipped,
    unconfirmed: publisher.stats().groupsUnconfirmed,
    packetsLost,
    latencyMs: { p50: viewer.latency(0.5), p99: viewer.latency(0.99) },
  };
}

/** 80 bytes, as an audio frame of 20 ms may have, that begin with the time. */
function stamped(): Uint8Array {
  const payload = new Uint8Array(80);
  new DataView(payload.buffer).setFloat64(0, runtime.now());
  return payload;
}

/** Reads the track for good. */
class Viewer {
  readonly complete = new Set<number>();
  deaths = 0;
  readonly #session: Ietf14Session;
  readonly #latencies: number[] = [];
  #stopped = false;

  constructor(session: Ietf14Session) {
    this.#session = session;
  }

  async subscribe(): Promise<void> {
    const subscription = this.#session.subscribe(PATH, TRACK);
    await subscription.accepted;
    const origin = new Origin({ runtime });
    subscription.fill(origin.createBroadcast("in").createTrack(TRACK));
    const reader = origin.broadcast("in")?.subscribe(TRACK);
    void (async () => {
      for (let group = await reader?.nextGroup(); group; group = await reader?.nextGroup()) {
        const { sequence, readFrame } = {
          sequence: group.sequence,
          readFrame: group.readFrame.bind(group),
        };
        void this.#readGroup(sequence, readFrame).catch(() => {});
      }
    })();
    void subscription.done.then(() => {
      if (this.#stopped) return undefined;
      this.deaths++;
      return this.subscribe();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  latency(share: number): number {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    return Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
  }

  async #readGroup(
    sequence: number,
    readFrame: () => Promise<{ readonly payload: Uint8Array } | undefined>,
  ): Promise<void> {
    let frames = 0;
    for (let frame = await readFrame(); frame; frame = await readFrame()) {
      frames++;
      const { buffer, byteOffset } = frame.payload;
      const sentAt = new DataView(buffer, byteOffset).getFloat64(0);
      if (!this.complete.has(sequence)) this.#latencies.push(runtime.now() - sentAt);
    }
    if (frames > 0) this.complete.add(sequence);
  }
}
