import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { SOUND } from "./audio-publisher.js";

/** Passes what the microphone gives to the page, in pieces of one Opus frame. */
const WORKLET = `registerProcessor("pieces", class extends AudioWorkletProcessor {
  #piece = new Float32Array(${SOUND.samplesPerFrame});
  #filled = 0;
  process([[samples]]) {
    for (const sample of samples ?? []) {
      this.#piece[this.#filled++] = sample;
      if (this.#filled < this.#piece.length) continue;
      this.port.postMessage(this.#piece.slice());
      this.#filled = 0;
    }
    return true;
  }
});`;

/** What the camera sees and the microphone hears. */
export class Camera {
  readonly #stream: MediaStream;
  readonly #video: HTMLVideoElement;
  readonly #context: AudioContext;
  readonly #pieces: AudioWorkletNode;

  private constructor(
    stream: MediaStream,
    video: HTMLVideoElement,
    context: AudioContext,
    pieces: AudioWorkletNode,
  ) {
    this.#stream = stream;
    this.#video = video;
    this.#context = context;
    this.#pieces = pieces;
  }

  /** Asks the visitor. @throws {Error} a sentence */
  static async open(): Promise<Camera> {
    const stream = await navigator.mediaDevices
      .getUserMedia({ video: true, audio: true })
      .catch((cause: unknown) => {
        throw new Error(`${refusal(cause)} The test picture needs neither.`, { cause });
      });
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    await video.play();
    const context = new AudioContext({ sampleRate: SOUND.sampleRate });
    const module = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
    await context.audioWorklet.addModule(module);
    URL.revokeObjectURL(module);
    const pieces = new AudioWorkletNode(context, "pieces", { numberOfOutputs: 0 });
    context.createMediaStreamSource(stream).connect(pieces);
    return new Camera(stream, video, context, pieces);
  }

  /** @param callback gets one Opus frame of samples and its time in microseconds since the Unix epoch */
  onSamples(callback: (samples: Float32Array<ArrayBuffer>, timestamp: number) => void): void {
    this.#pieces.port.onmessage = ({ data }: MessageEvent<Float32Array<ArrayBuffer>>) =>
      callback(data, runtime.wallClock() * 1_000);
  }

  draw(context: CanvasRenderingContext2D, size: { width: number; height: number }): void {
    context.drawImage(this.#video, 0, 0, size.width, size.height);
  }

  stop(): void {
    for (const track of this.#stream.getTracks()) track.stop();
    void this.#context.close();
  }
}

/** Why there is no camera, by the names of the Media Capture specification. */
function refusal(cause: unknown): string {
  switch (cause instanceof DOMException ? cause.name : "") {
    case "NotAllowedError":
      return "This page may not use the camera and the microphone.";
    case "NotFoundError":
      return "There is no camera, or no microphone.";
    case "NotReadableError":
      return "The camera or the microphone is in use elsewhere.";
    default:
      return "The camera and the microphone cannot be used.";
  }
}
