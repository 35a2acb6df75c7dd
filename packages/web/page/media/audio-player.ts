import type { AudioTrack } from "./catalog.js";
import type { PlacedFrame } from "./read-track.js";

/** Sound is played this long after it came, so that small delays are not heard, in seconds. */
const CUSHION_S = 0.1;
/** Sound further ahead than this is left out, in seconds. */
const LONGEST_AHEAD_S = 0.5;

/** Decodes the sound of a track, counts it, and plays it once it is switched on. */
export class AudioPlayer {
  readonly #decoder: AudioDecoder;
  #context: AudioContext | undefined;
  #playUntil = 0;
  frames = 0;

  constructor(track: AudioTrack) {
    this.#decoder = new AudioDecoder({
      output: (data) => this.#handleData(data),
      error: () => {},
    });
    this.#decoder.configure({
      codec: track.codec,
      sampleRate: track.sampleRate,
      numberOfChannels: track.numberOfChannels,
    });
  }

  /** @throws {Error} a sentence, where this browser cannot decode */
  static async check({ codec, sampleRate, numberOfChannels }: AudioTrack): Promise<void> {
    const supported =
      typeof AudioDecoder !== "undefined" &&
      (await AudioDecoder.isConfigSupported({ codec, sampleRate, numberOfChannels })).supported ===
        true;
    if (!supported) throw new Error(`This browser cannot decode the sound (${codec}).`);
  }

  /** Plays into it from now on, or nowhere. */
  setContext(context: AudioContext | undefined): void {
    this.#context = context;
  }

  handleFrame(frame: PlacedFrame): void {
    if (this.#decoder.state !== "configured") return;
    this.#decoder.decode(
      new EncodedAudioChunk({
        type: "key",
        timestamp: frame.timestamp,
        data: frame.data as Uint8Array<ArrayBuffer>,
      }),
    );
  }

  close(): void {
    if (this.#decoder.state !== "closed") this.#decoder.close();
  }

  #handleData(data: AudioData): void {
    this.frames += 1;
    if (this.#context) this.#play(data, this.#context);
    data.close();
  }

  #play(data: AudioData, context: AudioContext): void {
    const now = context.currentTime;
    if (this.#playUntil < now) this.#playUntil = now + CUSHION_S;
    if (this.#playUntil > now + LONGEST_AHEAD_S) return;
    const buffer = context.createBuffer(1, data.numberOfFrames, data.sampleRate);
    data.copyTo(buffer.getChannelData(0), { planeIndex: 0, format: "f32-planar" });
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.start(this.#playUntil);
    this.#playUntil += buffer.duration;
  }
}
