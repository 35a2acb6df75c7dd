import type { BroadcastConsumer } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { type Address, paceOf } from "./connection.js";
import { inWords, keepConnected, pause } from "./keep-connected.js";
import { type LatencySummary, LatencyWindow } from "./latency-window.js";
import { playBroadcast } from "./play-broadcast.js";
import { watchOnce } from "./watch-sources.js";

/** What a viewer knows, for the status line. */
export interface ViewerStatus {
  readonly state: "connecting" | "waiting" | "playing" | "unplayable" | "interrupted" | "ended";
  /** What is wrong, or empty. */
  readonly trouble: string;
  readonly transport: string;
  readonly pictures: number;
  readonly sounds: number;
  /** From capture to drawing, by both machines' wall clocks; `undefined` before the first picture. */
  readonly latency: LatencySummary | undefined;
  /** When the newest picture was captured, in milliseconds since the Unix epoch. */
  readonly capturedAt: number | undefined;
}

/** Without a picture for so long the connection is made anew, in milliseconds. */
const SILENCE_MS = 4_000;
/** Without a picture for so long the stream counts as ended, in milliseconds. */
const ENDED_MS = 7_000;
const LOOK_EVERY_MS = 250;
const PLAY_AGAIN_MS = 250;

/** What a {@link Viewer} is set up with. */
export interface ViewerOptions {
  readonly address: Address;
  readonly name: string;
  readonly canvas: HTMLCanvasElement;
  readonly audio: () => AudioContext | undefined;
  readonly onStatus: (status: ViewerStatus) => void;
}

/** Watches one stream until it is told to stop: connects again, subscribes again. */
export class Viewer {
  readonly #options: ViewerOptions;
  readonly #stopped = new AbortController();
  readonly #latencies = new LatencyWindow();
  #session = new AbortController();
  #playing: AbortController | undefined;
  #lastPictureAt: number | undefined;
  #lastChangeAt = runtime.now();
  #status: ViewerStatus = {
    state: "connecting",
    trouble: "",
    transport: "",
    pictures: 0,
    sounds: 0,
    latency: undefined,
    capturedAt: undefined,
  };

  constructor(options: ViewerOptions) {
    this.#options = options;
    const { signal } = this.#stopped;
    void keepConnected(() => this.#watch(), {
      signal,
      longestDelayMs: paceOf(options.address).longestDelayMs,
      onTrouble: (trouble) => this.#handleLost(trouble),
    });
    this.#look();
  }

  stop(): void {
    this.#stopped.abort();
    this.#session.abort();
    this.#playing?.abort();
  }

  #watch(): Promise<string> {
    this.#session = new AbortController();
    this.#lastChangeAt = runtime.now();
    const events = {
      onConnected: (transport: string) => this.#handleConnected(transport),
      onLive: (broadcast: BroadcastConsumer) => void this.#play(broadcast),
      onGone: (cleanly: boolean) => this.#handleGone(cleanly),
    };
    return watchOnce(this.#options.address, this.#options.name, events, this.#session.signal);
  }

  async #play(broadcast: BroadcastConsumer): Promise<void> {
    this.#playing?.abort();
    const playing = new AbortController();
    this.#playing = playing;
    this.#lastChangeAt = runtime.now();
    void broadcast.closed.then(() => playing.abort());
    while (!playing.signal.aborted) {
      const stage = {
        canvas: this.#options.canvas,
        audio: this.#options.audio,
        onPicture: (timestamp: number) => this.#handlePicture(timestamp),
        onSound: (sounds: number) => this.#update({ sounds }),
      };
      await playBroadcast(broadcast, stage, playing.signal).catch((error: unknown) => {
        if (playing.signal.aborted) return;
        const state = this.#status.pictures === 0 ? "unplayable" : "interrupted";
        this.#update({ state, trouble: inWords(error) });
      });
      await pause(PLAY_AGAIN_MS, playing.signal);
    }
  }

  #handleConnected(transport: string): void {
    const { state } = this.#status;
    this.#update({ transport, trouble: "", state: state === "connecting" ? "waiting" : state });
  }

  #handlePicture(timestamp: number): void {
    if (this.#lastPictureAt === undefined) performance.mark("first picture");
    this.#lastPictureAt = runtime.now();
    const capturedAt = timestamp / 1_000;
    this.#latencies.add(Math.max(0, runtime.wallClock() - capturedAt));
    const latency = this.#latencies.summary();
    const pictures = this.#status.pictures + 1;
    this.#update({ state: "playing", trouble: "", pictures, latency, capturedAt });
  }

  #handleGone(cleanly: boolean): void {
    this.#playing?.abort();
    if (this.#status.pictures === 0) this.#update({ state: "waiting" });
    else if (cleanly) this.#update({ state: "ended" });
    else if (this.#status.state === "playing") this.#update({ state: "interrupted" });
  }

  #handleLost(trouble: string): void {
    this.#playing?.abort();
    const state = this.#status.pictures === 0 ? "connecting" : "interrupted";
    this.#update({ trouble, ...(this.#status.state !== "ended" && { state }) });
  }

  /** Silence has no event of its own. */
  #look(): void {
    if (this.#stopped.signal.aborted) return;
    runtime.setTimer(LOOK_EVERY_MS, () => this.#look());
    const now = runtime.now();
    const silentSince = Math.max(this.#lastChangeAt, this.#lastPictureAt ?? 0);
    if (this.#lastPictureAt !== undefined && now - this.#lastPictureAt > ENDED_MS) {
      if (this.#status.state !== "ended") this.#update({ state: "ended" });
    }
    if (this.#playing && now - silentSince > SILENCE_MS) {
      this.#playing.abort();
      this.#playing = undefined;
      this.#session.abort();
    }
  }

  #update(change: Partial<ViewerStatus>): void {
    if (this.#stopped.signal.aborted) return;
    this.#status = { ...this.#status, ...change };
    this.#options.onStatus(this.#status);
  }
}
