import type { GroupProducer, TrackProducer } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { packFrame } from "./container.js";
import { GroupNumbers } from "./group-numbers.js";

/** What is encoded: one channel, 20 ms a frame. */
export const SOUND = { sampleRate: 48_000, samplesPerFrame: 960, numberOfChannels: 1 } as const;

/** 200 ms: more groups a second than five are hard on some relays. */
const FRAMES_PER_GROUP = 10;

const CONFIG: AudioEncoderConfig = {
  codec: "opus",
  sampleRate: SOUND.sampleRate,
  numberOfChannels: SOUND.numberOfChannels,
  bitrate: 32_000,
};

/** Encodes sound into the groups of a track. */
export class AudioPublisher {
  readonly #encoder: AudioEncoder;
  readonly #groups: GroupNumbers;
  #group: GroupProducer | undefined;
  #inGroup = 0;

  /** @param onError in words */
  constructor(track: TrackProducer, onError: (error: unknown) => void) {
    this.#groups = new GroupNumbers(track, runtime.wallClock());
    this.#encoder = new AudioEncoder({
      output: (chunk) => this.#handleChunk(chunk),
      error: onError,
    });
    this.#encoder.configure(CONFIG);
  }

  /** @throws {Error} a sentence, where this browser cannot encode */
  static async check(): Promise<void> {
    const supported =
      typeof AudioEncoder !== "undefined" &&
      (await AudioEncoder.isConfigSupported(CONFIG)).supported === true;
    if (!supported) throw new Error("This browser cannot encode Opus, so it can only watch.");
  }

  /** @param timestamp of the first sample, in microseconds since the Unix epoch */
  encode(samples: Float32Array<ArrayBuffer>, timestamp: number): void {
    if (this.#encoder.state !== "configured") return;
    const data = new AudioData({
      format: "f32-planar",
      sampleRate: SOUND.sampleRate,
      numberOfFrames: samples.length,
      numberOfChannels: SOUND.numberOfChannels,
      timestamp,
      data: samples,
    });
    this.#encoder.encode(data);
    data.close();
  }

  close(): void {
    if (this.#encoder.state !== "closed") this.#encoder.close();
    this.#group?.finish();
  }

  #handleChunk(chunk: EncodedAudioChunk): void {
    if (this.#inGroup === 0) {
      this.#group?.finish();
      this.#group = this.#groups.open();
    }
    this.#inGroup = (this.#inGroup + 1) % FRAMES_PER_GROUP;
    const data = new Uint8Array(chunk.byteLength);
    chunk.copyTo(data);
    this.#group?.writeFrame(packFrame({ timestamp: chunk.timestamp, data }));
  }
}
