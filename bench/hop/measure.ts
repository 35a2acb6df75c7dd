import type { GroupConsumer } from "@moq-bridge/origin";
import { type Endpoint, subscribe } from "./endpoint.js";
import { fillTrack, type Load, pause } from "./load.js";

/** What came of a load. */
export interface Result {
  /** Frames after the warm-up. */
  readonly sent: number;
  readonly received: number;
  /** Publisher to viewer, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** All that arrived, the warm-up too. */
  readonly bytes: number;
  readonly groups: number;
}

/** Left out of the latencies: the first subscriptions and slow starts. */
const WARM_UP_MS = 1_000;
const DRAIN_MS = 1_000;
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
  const warmUntil = performance.now() + WARM_UP_MS;
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
    if (sentAt > warmUntil) latencies.push(performance.now() - sentAt);
  };
  const reading = (async () => {
    for (let group = await track.nextGroup(); group; group = await track.nextGroup()) {
      void readGroup(group).catch(() => undefined);
    }
  })().catch(() => undefined);
  const sent = await fillTrack(await publication.track, load, warmUntil);
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
    bytes,
    groups,
  };
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
