/** Times in milliseconds; 0 for never. */
export interface LivenessOptions {
  readonly now: number;
  /** The session ends when nothing arrives for this long. */
  readonly idleMs: number;
  /** A ping is sent after this long without traffic in either direction. */
  readonly keepAliveMs: number;
}

/** Decides when to ask the peer for a sign of life, and when it is gone. Time is passed in. */
export class Liveness {
  readonly #idleMs: number;
  #keepAliveMs: number;
  #received: number;
  #sent: number;
  #pinged: number;
  #paused = false;

  constructor(options: LivenessOptions) {
    this.#idleMs = options.idleMs;
    this.#keepAliveMs = options.keepAliveMs;
    this.#received = options.now;
    this.#sent = options.now;
    this.#pinged = options.now;
  }

  /** The peer gives up after this much silence of ours. */
  setPeerIdle(peerIdleMs: number): void {
    if (peerIdleMs === 0) return;
    const third = peerIdleMs / 3;
    this.#keepAliveMs = this.#keepAliveMs === 0 ? third : Math.min(this.#keepAliveMs, third);
  }

  handleReceived(now: number): void {
    this.#received = now;
  }

  handleSent(now: number): void {
    this.#sent = now;
  }

  /** While we do not read, silence says nothing about the peer. */
  setPaused(paused: boolean, now: number): void {
    this.#paused = paused;
    this.#received = now;
  }

  /** What is due. A ping counts as sent when this says so. */
  poll(now: number): "idle" | "ping" | undefined {
    if (now >= this.#idleAt) return "idle";
    if (now < this.#pingAt) return undefined;
    this.#pinged = now;
    return "ping";
  }

  /** When to poll next, at the latest. */
  get deadline(): number {
    return Math.min(this.#idleAt, this.#pingAt);
  }

  get #idleAt(): number {
    if (this.#idleMs === 0 || this.#paused) return Number.POSITIVE_INFINITY;
    return this.#received + this.#idleMs;
  }

  get #pingAt(): number {
    if (this.#keepAliveMs === 0) return Number.POSITIVE_INFINITY;
    const quiet = Math.min(this.#received, this.#sent);
    return Math.max(quiet, this.#pinged) + this.#keepAliveMs;
  }
}
