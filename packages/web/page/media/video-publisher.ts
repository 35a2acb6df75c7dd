import type { GroupProducer, TrackProducer } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { packFrame } from "./container.js";
import { GroupNumbers } from "./group-numbers.js";
import { PICTURE } from "./pattern.js";

/** A new viewer waits for the next key frame at most: one a second. */
export const KEY_FRAME_INTERVAL_MS = 1_000;

/** Frames the encoder may have waiting before one is left out. */
const MAX_QUEUE = 3;

const CONFIG: VideoEncoderConfig = {
  codec: "vp8",
  width: PICTURE.width,
  height: PICTURE.height,
  bitrate: 500_000,
  framerate: PICTURE.framesPerSecond,
  latencyMode: "realtime",
};

/** Encodes pictures into the groups of a track, each beginning with a key frame. */
export class VideoPublisher {
  readonly #encoder: VideoEncoder;
  readonly #groups: GroupNumbers;
  #group: GroupProducer | undefined;
  #lastKeyAt = Number.NEGATIVE_INFINITY;
  frames = 0;

  /** @param onError in words */
  constructor(track: TrackProducer, onError: (error: unknown) => void) {
    this.#groups = new GroupNumbers(track, runtime.wallClock());
    this.#encoder = new VideoEncoder({
      output: (chunk) => this.#handleChunk(chunk),
      error: onError,
    });
    this.#encoder.configure(CONFIG);
  }

  /** @throws {Error} a sentence, where this browser cannot encode */
  static async check(): Promise<void> {
    const supported =
      typeof VideoEncoder !== "undefined" &&
      (await VideoEncoder.isConfigSupported(CONFIG)).supported === true;
    if (!supported) throw new Error("This browser cannot encode VP8, so it can only watch.");
  }

  /** Encodes what is on the canvas now. */
  encode(canvas: HTMLCanvasElement): void {
    if (this.#encoder.state !== "configured" || this.#encoder.encodeQueueSize > MAX_QUEUE) return;
    const now = runtime.wallClock();
    const keyFrame = now - this.#lastKeyAt >= KEY_FRAME_INTERVAL_MS;
    if (keyFrame) this.#lastKeyAt = now;
    const frame = new VideoFrame(canvas, { timestamp: now * 1_000 });
    this.#encoder.encode(frame, { keyFrame });
    frame.close();
  }

  close(): void {
    if (this.#encoder.state !== "closed") this.#encoder.close();
    this.#group?.finish();
  }

  #handleChunk(chunk: EncodedVideoChunk): void {
    if (chunk.type === "key") {
      this.#group?.finish();
      this.#group = this.#groups.open();
    }
    const data = new Uint8Array(chunk.byteLength);
    chunk.copyTo(data);
    this.#group?.writeFrame(packFrame({ timestamp: chunk.timestamp, data }));
    this.frames += 1;
  }
}
