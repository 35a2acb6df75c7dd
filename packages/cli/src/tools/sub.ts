import { cloudflare, standard } from "@moq-bridge/moq-ietf14-session";
import { Origin, type TrackConsumer } from "@moq-bridge/origin";
import { MoqError, systemRuntime } from "@moq-bridge/runtime";
import { openIetf14, openLite, type Target } from "../open-session.js";
import { printable } from "../printable.js";
import type { TargetFlags } from "./target.js";
import { untilStopped } from "./until-stopped.js";

export const SUB_FORMATS = ["text", "json", "raw"] as const;
/** How frames are written: a line of text each, a line of JSON each, or the payloads and nothing else. */
export type SubFormat = (typeof SUB_FORMATS)[number];

/** What to read. */
export interface SubOptions extends TargetFlags {
  readonly format: SubFormat;
  /** End after so many frames. */
  readonly count?: number;
}

/** A frame that was read. */
export interface ReadFrame {
  readonly group: number;
  readonly frame: number;
  readonly payload: Uint8Array;
  readonly timestampMs: number | undefined;
}

/** What becomes of a track that is read. */
export interface SubEvents {
  onFrame(frame: ReadFrame): void;
  /** The relay has no such broadcast yet. */
  onWaiting(): void;
}

/** Reads a track from its newest group on, until it ends. */
export async function readTrack(
  target: Target,
  { path, track }: { readonly path: string; readonly track: string },
  options: SubOptions,
  events: SubEvents,
  stopRequested: Promise<unknown>,
): Promise<void> {
  const origin = new Origin({ runtime: systemRuntime });
  const { count = Number.POSITIVE_INFINITY } = options;
  if (options.dialect === "moq-lite") {
    const announcements = origin.announced();
    const { session } = await openLite(target, { subscribe: origin });
    const tellWaiting = () => {
      if (!origin.broadcast(path)) events.onWaiting();
    };
    // A session that ends before says so itself.
    session.announced.then(tellWaiting, () => {});
    const work = async () => {
      for (;;) {
        const broadcast = origin.broadcast(path);
        if (broadcast) return readFrames(broadcast.subscribe(track), count, events);
        await announcements.next();
      }
    };
    await untilStopped(session, stopRequested, work());
    return;
  }
  const { session } = await openIetf14(target, {
    profile: { cloudflare, standard }[options.profile],
  });
  const work = async () => {
    const subscription = session.subscribe(path, track);
    const info = await subscription.accepted;
    const producer = origin.createBroadcast(path).createTrack(track, info);
    const reader = origin.broadcast(path)?.subscribe(track);
    if (!reader)
      throw new MoqError("track_not_found", "the track is gone", { scope: "subscription" });
    subscription.fill(producer);
    void subscription.done.then((end) => {
      if ("error" in end && end.error) producer.abort(end.error);
      else producer.finish();
    });
    await readFrames(reader, count, events);
    subscription.unsubscribe();
  };
  await untilStopped(session, stopRequested, work());
}

async function readFrames(
  track: TrackConsumer,
  count: number,
  { onFrame }: SubEvents,
): Promise<void> {
  let left = count;
  for (let group = await track.nextGroup(); group; group = await track.nextGroup()) {
    for (let frame = 0; left > 0; frame++) {
      const read = await group.readFrame();
      if (!read) break;
      const { header, payload } = read;
      onFrame({ group: group.sequence, frame, payload, timestampMs: header.timestampMs });
      left--;
    }
    group.close();
    if (left === 0) break;
  }
  track.close();
}

/** A frame as a line of JSON, its payload in base64. */
export function frameJson({ group, frame, payload, timestampMs }: ReadFrame): string {
  const bytes = Buffer.from(payload).toString("base64");
  return JSON.stringify({ group, frame, size: payload.byteLength, timestampMs, payload: bytes });
}

/** A frame's payload as one line of text that steers no terminal. */
export function frameLine({ payload }: ReadFrame): string {
  return printable(new TextDecoder().decode(payload));
}
