import type { BroadcastConsumer } from "@moq-bridge/origin";
import { AudioPlayer } from "./media/audio-player.js";
import { CATALOG_TRACK, type Catalog, decodeCatalog } from "./media/catalog.js";
import { readTrack } from "./media/read-track.js";
import { VideoPlayer } from "./media/video-player.js";

/** Where a broadcast is played to. */
export interface Stage {
  readonly canvas: HTMLCanvasElement;
  /** The sound's way out, while it is switched on. */
  readonly audio: () => AudioContext | undefined;
  /** A picture was drawn; its capture time in microseconds since the Unix epoch. */
  readonly onPicture: (timestamp: number) => void;
  /** A frame of sound came. */
  readonly onSound: (decodedSoFar: number) => void;
}

/**
 * Plays a broadcast until its tracks end or `signal` aborts.
 *
 * @throws {Error} a sentence, when it cannot be played
 */
export async function playBroadcast(
  broadcast: BroadcastConsumer,
  stage: Stage,
  signal: AbortSignal,
): Promise<void> {
  const { video, audio } = await readCatalog(broadcast, signal);
  const playing: Promise<void>[] = [];
  if (video) {
    await VideoPlayer.check(video);
    const player = new VideoPlayer(video, stage.canvas, stage.onPicture);
    const reading = readTrack(broadcast, video.name, (frame) => player.handleFrame(frame), signal);
    playing.push(reading.finally(() => player.close()));
  }
  if (audio) {
    await AudioPlayer.check(audio);
    const player = new AudioPlayer(audio);
    const handle = (frame: Parameters<AudioPlayer["handleFrame"]>[0]) => {
      player.setContext(stage.audio());
      player.handleFrame(frame);
      stage.onSound(player.frames);
    };
    playing.push(readTrack(broadcast, audio.name, handle, signal).finally(() => player.close()));
  }
  await Promise.all(playing);
}

async function readCatalog(broadcast: BroadcastConsumer, signal: AbortSignal): Promise<Catalog> {
  const track = broadcast.subscribe(CATALOG_TRACK);
  const stop = () => track.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const group = await track.nextGroup();
    const frame = await group?.readFrame();
    if (!frame) throw new Error("The stream ended before it told what it has.");
    return decodeCatalog(frame.payload);
  } finally {
    signal.removeEventListener("abort", stop);
    track.close();
  }
}
