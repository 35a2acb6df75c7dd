import { codecOf } from "../codec.js";
import type { Frame, Framing } from "../frame.js";
import type { Limits } from "../limits.js";
import { NO_PARAMETERS } from "../parameters-codec.js";
import { SessionMachine } from "../session-machine.js";
import type { End } from "./machine-pair.js";

/** What a {@link Scripted} machine grants. */
export const LIMITS: Limits = { connectionWindow: 20_000, streamWindow: 8_000, maxStreams: 4 };

/** A server's machine, told frames by hand. */
export class Scripted {
  readonly end: End;
  readonly #framing: Framing;

  constructor(framing: Framing, parameters: Partial<typeof NO_PARAMETERS> | null = {}) {
    this.#framing = framing;
    this.end = {
      machine: new SessionMachine({
        side: "server",
        framing,
        limits: LIMITS,
        idleTimeoutMs: 30_000,
      }),
      events: [],
      sent: [],
    };
    if (framing !== "webtransport" && parameters) {
      this.receive({
        type: "transport_parameters",
        parameters: { ...NO_PARAMETERS, ...parameters },
      });
    }
    this.sent();
  }

  receive(...frames: Frame[]): this {
    for (const frame of frames) this.message(codecOf(this.#framing).encode(frame));
    return this;
  }

  message(bytes: Uint8Array): this {
    const { machine, events } = this.end;
    machine.handleMessage(bytes);
    for (let event = machine.pollEvent(); event; event = machine.pollEvent()) events.push(event);
    return this;
  }

  /** The frames the machine sends now. */
  sent(): Frame[] {
    const { machine } = this.end;
    const frames: Frame[] = [];
    for (let next = machine.pollMessage(); next; next = machine.pollMessage()) {
      frames.push(...codecOf(this.#framing).decode(next.bytes));
    }
    return frames;
  }
}

/** Parameters of a peer that is in nobody's way. */
export const GENEROUS = {
  initialMaxData: 1_000_000,
  initialMaxStreamDataBidiLocal: 100_000,
  initialMaxStreamDataBidiRemote: 100_000,
  initialMaxStreamDataUni: 100_000,
  initialMaxStreamsBidi: 10,
  initialMaxStreamsUni: 10,
};

/** A STREAM frame of zeros, by default without an offset. */
export function stream(
  id: number,
  size: number,
  more: { offset?: number; fin?: boolean } = {},
): Frame {
  const { offset, fin = false } = more;
  return { type: "stream", id, offset, data: new Uint8Array(size), fin };
}
