import {
  encodeSubscribeReply,
  hasFrameRanges,
  hasTrackStream,
  type LiteVersion,
  type SubscribeOptions,
} from "@moq-bridge/moq-wire/lite";
import type { TrackDemand } from "@moq-bridge/origin";
import type { MoqError } from "@moq-bridge/runtime";
import { streamCodeOf } from "./codes.js";

/** What a driver has to do. */
export type ServingAction =
  | { readonly type: "reply"; readonly bytes: Uint8Array }
  | { readonly type: "demand"; readonly demand: TrackDemand }
  /** Groups that waited for a higher end may go. */
  | { readonly type: "resume" }
  /** End the stream, once every group has arrived. */
  | { readonly type: "finish" }
  | { readonly type: "reset"; readonly code: number }
  /** Give everything up: nobody listens. */
  | { readonly type: "cancel" };

/**
 * The peer's subscription to one track of ours.
 *
 * | state    | accepted           | first group       | end of track               | failure      | UPDATE | peer's FIN or RESET |
 * |----------|--------------------|-------------------|----------------------------|--------------|--------|---------------------|
 * | asked    | serving; OK up to lite-04 | serving; OK, START | END (lite-05), FIN; over | reset; over | demand | cancel; over |
 * | serving  | –                  | START (lite-05), once | END (lite-05), FIN; over | reset; over | demand | cancel; over |
 */
export class ServingMachine {
  readonly #version: LiteVersion;
  #options: SubscribeOptions;
  #state: "asked" | "serving" | "over" = "asked";
  #started = false;
  /** One above the newest group served. */
  #end = 0;
  #actions: ServingAction[] = [];

  constructor(version: LiteVersion, options: SubscribeOptions) {
    this.#version = version;
    this.#options = options;
  }

  get over(): boolean {
    return this.#state === "over";
  }

  /** What the peer wants now. */
  get demand(): TrackDemand {
    const { priority, startGroup } = this.#options;
    // lite-06 cannot leave the start out: 0 is any group, which is the newest.
    const anywhere = startGroup === 0 && hasFrameRanges(this.#version);
    return startGroup === undefined || anywhere ? { priority } : { priority, startGroup };
  }

  pollAction(): ServingAction | undefined {
    return this.#actions.shift();
  }

  /** Whether a group may be served now, or waits until the peer raises its end. */
  admits(sequence: number): boolean {
    const { endGroup } = this.#options;
    return endGroup === undefined || sequence <= endGroup;
  }

  /** Somebody fills the track. */
  handleAccepted(): void {
    if (this.#state !== "asked") return;
    this.#state = "serving";
    if (hasTrackStream(this.#version)) return;
    const { priority } = this.#options;
    const ok = { type: "ok", priority, ordered: false, maxLatencyMs: 0 } as const;
    this.#actions.push({ type: "reply", bytes: encodeSubscribeReply(this.#version, ok) });
  }

  /** A group is about to be served. */
  handleGroup(sequence: number): void {
    if (this.#state === "over") return;
    this.handleAccepted();
    this.#end = Math.max(this.#end, sequence + 1);
    if (this.#started || !hasTrackStream(this.#version)) return;
    this.#started = true;
    const start = { type: "start", group: sequence } as const;
    this.#actions.push({ type: "reply", bytes: encodeSubscribeReply(this.#version, start) });
  }

  /** The track ended cleanly. */
  handleFinished(): void {
    if (this.#state === "over") return;
    this.handleAccepted();
    this.#state = "over";
    if (hasTrackStream(this.#version)) {
      const end = { type: "end", group: this.#end } as const;
      this.#actions.push({ type: "reply", bytes: encodeSubscribeReply(this.#version, end) });
    }
    this.#actions.push({ type: "finish" });
  }

  /** The track failed, or does not exist. */
  handleFailed(error: MoqError): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#actions.push({ type: "reset", code: streamCodeOf(error) });
  }

  /** SUBSCRIBE_UPDATE. */
  handleUpdate(options: SubscribeOptions): void {
    if (this.#state === "over") return;
    this.#options = options;
    this.#actions.push({ type: "demand", demand: this.demand }, { type: "resume" });
  }

  /** The peer does not want the subscription any more. */
  handlePeerEnd(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#actions.push({ type: "cancel" });
  }
}
