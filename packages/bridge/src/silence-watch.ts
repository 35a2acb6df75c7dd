import type { Runtime } from "@moq-bridge/runtime";

/** Nothing for this long is silence, in milliseconds. */
const SILENCE_MS = 10_000;
/** How often it is looked for, in milliseconds. */
const LOOK_MS = 1_000;

/** What a {@link SilenceWatch} needs. */
export interface SilenceOptions {
  readonly runtime: Runtime;
  /** Frames so far of everything that flowed and is still read; 0 when nothing is. */
  frames(): number;
  /** Called once a silence. */
  onSilent(sinceMs: number): void;
  /** Called when frames come again, or when nothing is read any more. */
  onOver(): void;
}

/** Notices when what flowed falls silent: Cloudflare says little of death. */
export class SilenceWatch {
  readonly #options: SilenceOptions;
  #frames = 0;
  #changedAt: number;
  #isSilent = false;
  #cancel = () => {};

  constructor(options: SilenceOptions) {
    this.#options = options;
    this.#changedAt = options.runtime.now();
    this.#look();
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const { runtime, frames, onSilent, onOver } = this.#options;
    const now = runtime.now();
    const before = this.#frames;
    this.#frames = frames();
    if (this.#frames !== before || this.#frames === 0) {
      this.#changedAt = now;
      if (this.#isSilent) onOver();
      this.#isSilent = false;
    } else if (!this.#isSilent && now - this.#changedAt >= SILENCE_MS) {
      this.#isSilent = true;
      onSilent(now - this.#changedAt);
    }
    this.#cancel = runtime.setTimer(LOOK_MS, () => this.#look());
  }
}
