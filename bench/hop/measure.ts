import type { GroupConsumer, TrackProducer } from "@moq-bridge/origin";
import { type Endpoint, subscribe } from "./endpoint.js";

/** What to send. */
export interface Load {
  readonly framesPerSecond: number;
  readonly frameBytes: number;
  readonly framesPerGroup: number;
  readonly seconds: number;
}

/** What came of it. */
export interface Result {
  readonly sent: number;
  readonly received: number;
  /** Publisher to viewer, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly bytesPerSecond: number;
  readonly groupsPerSecond: number;
}

/** Left out of the figures: the first subscriptions and slow starts. */
const WARM_UP_MS = 1_000;
const DRAIN_MS = 1_500;
const TICK_MS = 1;
let run = 0;

/** Sends `load` from one endpoint to the other and says what arrived, and how late. */
export async function measure(from: Endpoint, to: Endpoint, load: Load): Promise<Result> {
  const path = `bench/${process.pid}-${++run}`;
  const publication = await from.publish(path);
  const view = await to.view(path);
  const track = subscribe(view);
  const latencies: number[] = [];
  let bytes = 0;
  let groups = 0;
  const startedAt = performance.now();
  const readGroup = async (group: GroupConsumer) => {
    groups++;
    for (let piece = group.next(); ; piece = group.next()) {
      if (piece?.type === "end") return;
      if (!piece) await group.readable();
      else if (piece.type === "chunk") bytes += piece.bytes.byteLength;
      else lateness(await headOf(group, piece.header.size));
    }
  };
  const headOf = async (group: GroupConsumer, size: number) => {
    for (;;) {
      const piece = group.next();
      if (piece?.type === "chunk") {
        bytes += piece.bytes.byteLength;
        return piece.bytes;
      }
      if (piece?.type === "end" || size === 0) return new Uint8Array(8);
      await group.readable();
    }
  };
  const lateness = (head: Uint8Array) => {
    const sentAt = new DataView(head.buffer, head.byteOffset).getFloat64(0);
    if (sentAt - startedAt > WARM_UP_MS) latencies.push(performance.now() - sentAt);
  };
  const reading = (async () => {
    for (let group = await track.nextGroup(); group; group = await track.nextGroup()) {
      void readGroup(group).catch(() => undefined);
    }
  })().catch(() => undefined);
  const sent = await send(await publication.track, load, startedAt);
  await pause(DRAIN_MS);
  track.close();
  await reading;
  publication.end();
  view.end();
  latencies.sort((a, b) => a - b);
  return {
    sent,
    received: latencies.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    bytesPerSecond: bytes / load.seconds,
    groupsPerSecond: groups / load.seconds,
  };
}

/** Writes frames at an even pace; returns how many were sent after the warm-up. */
async function send(track: TrackProducer, load: Load, startedAt: number): Promise<number> {
  const begin = performance.now();
  const total = load.framesPerSecond * load.seconds;
  let group = track.appendGroup();
  let counted = 0;
  for (let frame = 0; frame < total; ) {
    const due = ((performance.now() - begin) / 1000) * load.framesPerSecond;
    for (; frame < Math.min(due, total); frame++) {
      if (frame > 0 && frame % load.framesPerGroup === 0) {
        group.finish();
        group = track.appendGroup();
      }
      const payload = new Uint8Array(load.frameBytes);
      const now = performance.now();
      new DataView(payload.buffer).setFloat64(0, now);
      group.writeFrame(payload);
      if (now - startedAt > WARM_UP_MS) counted++;
    }
    await pause(TICK_MS);
  }
  group.finish();
  return counted;
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
