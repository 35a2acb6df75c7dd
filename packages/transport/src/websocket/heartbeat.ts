import { Liveness } from "./liveness.js";
import type { MessageSocket } from "./socket.js";

/** Longest delay a timer takes, in milliseconds. */
const MAX_TIMER = 2 ** 31 - 1;

/** What a {@link Heartbeat} does when something is due. */
export interface HeartbeatOptions {
  readonly socket: MessageSocket;
  readonly idleMs: number;
  readonly keepAliveMs: number;
  readonly onPing: () => void;
  readonly onIdle: () => void;
}

/** {@link Liveness} on real timers and a real socket. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #liveness: Liveness;
  #cancelTimer: (() => void) | undefined;
  #bytesRead = 0;
  #stopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#liveness = new Liveness({ ...options, now: performance.now() });
    this.#arm();
  }

  handleReceived(): void {
    this.#liveness.handleReceived(performance.now());
  }

  handleSent(): void {
    this.#liveness.handleSent(performance.now());
  }

  setPaused(paused: boolean): void {
    this.#liveness.setPaused(paused, performance.now());
    this.#arm();
  }

  setPeerIdle(peerIdleMs: number): void {
    this.#liveness.setPeerIdle(peerIdleMs);
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
  }

  #arm(): void {
    this.#cancelTimer?.();
    if (this.#stopped) return;
    const delay = this.#liveness.deadline - performance.now();
    if (delay === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#options.socket.setTimer(Math.min(Math.max(delay, 1), MAX_TIMER), () =>
      this.#fire(),
    );
  }

  #fire(): void {
    const due = this.#liveness.poll(performance.now());
    if (due === "idle" && !this.#sawBytes()) {
      // After a stall of this process the timer comes before what has arrived meanwhile.
      this.#options.socket.defer(() => this.#confirmIdle());
      return;
    }
    this.#goOn(due);
  }

  #confirmIdle(): void {
    if (this.#stopped) return;
    const due = this.#liveness.poll(performance.now());
    if (due === "idle" && !this.#sawBytes()) this.#options.onIdle();
    else this.#goOn(due);
  }

  #goOn(due: "idle" | "ping" | undefined): void {
    if (due === "idle") this.handleReceived();
    else this.#sawBytes();
    if (due === "ping") this.#options.onPing();
    this.#arm();
  }

  /** Whether bytes have come since the last look: a long message on a slow path is a sign of life too. */
  #sawBytes(): boolean {
    const { bytesRead } = this.#options.socket;
    if (bytesRead === this.#bytesRead) return false;
    this.#bytesRead = bytesRead;
    return true;
  }
}
