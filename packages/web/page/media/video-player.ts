import type { VideoTrack } from "./catalog.js";
import type { PlacedFrame } from "./read-track.js";

/** Told about each picture drawn. */
export type OnDrawn = (timestamp: number) => void;

/** Decodes the frames of a track and draws them as they come. */
export class VideoPlayer {
  readonly #track: VideoTrack;
  readonly #canvas: HTMLCanvasElement;
  readonly #onDrawn: OnDrawn;
  #decoder: VideoDecoder | undefined;
  #group = -1;
  #next = 0;

  constructor(track: VideoTrack, canvas: HTMLCanvasElement, onDrawn: OnDrawn) {
    this.#track = track;
    this.#canvas = canvas;
    this.#onDrawn = onDrawn;
  }

  /** @throws {Error} a sentence, where this browser cannot decode */
  static async check({ codec }: VideoTrack): Promise<void> {
    const supported =
      typeof VideoDecoder !== "undefined" &&
      (await VideoDecoder.isConfigSupported({ codec })).supported === true;
    if (!supported) throw new Error(`This browser cannot decode the picture (${codec}).`);
  }

  /** Frames must follow each other; what does not is left out up to the next group. */
  handleFrame(frame: PlacedFrame): void {
    if (frame.index === 0 && frame.group > this.#group) this.#begin(frame.group);
    if (frame.group !== this.#group || frame.index !== this.#next) return;
    this.#next += 1;
    if (this.#decoder?.state !== "configured") return;
    this.#decoder.decode(
      new EncodedVideoChunk({
        type: frame.index === 0 ? "key" : "delta",
        timestamp: frame.timestamp,
        data: frame.data as Uint8Array<ArrayBuffer>,
      }),
    );
  }

  close(): void {
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
  }

  #begin(group: number): void {
    this.#group = group;
    this.#next = 0;
    // A decoder that failed is closed for good; a key frame can start another.
    if (this.#decoder?.state === "configured") return;
    this.#decoder = new VideoDecoder({ output: (picture) => this.#draw(picture), error: () => {} });
    this.#decoder.configure({ codec: this.#track.codec, optimizeForLatency: true });
  }

  #draw(picture: VideoFrame): void {
    const canvas = this.#canvas;
    if (canvas.width !== picture.displayWidth) canvas.width = picture.displayWidth;
    if (canvas.height !== picture.displayHeight) canvas.height = picture.displayHeight;
    canvas.getContext("2d")?.drawImage(picture, 0, 0);
    const { timestamp } = picture;
    picture.close();
    this.#onDrawn(timestamp);
  }
}
