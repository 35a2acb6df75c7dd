import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { cloudflare, standard } from "@moq-bridge/moq-ietf14-session";
import { Origin, type TrackProducer } from "@moq-bridge/origin";
import { sleep, systemRuntime } from "@moq-bridge/runtime";
import { openIetf14, openLite, type Target } from "../open-session.js";
import type { TargetFlags } from "./target.js";
import { untilStopped } from "./until-stopped.js";

/** What to publish. */
export interface PubOptions extends TargetFlags {
  /** Frames in a group. */
  readonly groupSize: number;
}

/** Time for the last frames to arrive before the session is closed, in milliseconds. */
const LINGER_MS = 1_000;

/** Publishes each line of the input as a frame of one track, until the input ends. */
export async function publishLines(
  target: Target,
  { path, track: name }: { readonly path: string; readonly track: string },
  options: PubOptions,
  input: AsyncIterable<Uint8Array>,
  stopRequested: Promise<unknown>,
): Promise<void> {
  const origin = new Origin({ runtime: systemRuntime });
  const broadcast = origin.createBroadcast(path);
  const track = broadcast.createTrack(name);
  const work = async () => {
    await writeLines(track, options.groupSize, input);
    track.finish();
    await sleep(systemRuntime, LINGER_MS);
    broadcast.finish();
  };
  if (options.dialect === "moq-lite") {
    const { session } = await openLite(target, { publish: origin });
    await untilStopped(session, stopRequested, work());
    return;
  }
  const { session } = await openIetf14(target, {
    profile: { cloudflare, standard }[options.profile],
  });
  const announced = async () => {
    const consumer = origin.broadcast(path);
    if (!consumer) return;
    const publication = session.publishNamespace(path, consumer);
    await publication.accepted;
    await work();
    publication.withdraw();
  };
  await untilStopped(session, stopRequested, announced());
}

async function writeLines(
  track: TrackProducer,
  groupSize: number,
  input: AsyncIterable<Uint8Array>,
): Promise<void> {
  const encoder = new TextEncoder();
  let group = track.appendGroup();
  let frames = 0;
  for await (const line of createInterface({ input: Readable.from(input) })) {
    if (frames === groupSize) {
      group.finish();
      group = track.appendGroup();
      frames = 0;
    }
    group.writeFrame(encoder.encode(line));
    frames++;
  }
  group.finish();
}
