import type { Framing } from "../frame.js";
import { DEFAULT_LIMITS, type Limits } from "../limits.js";
import { type MachineEvent, SessionMachine } from "../session-machine.js";
import type { Side } from "../stream-id.js";
import type { RecvState, SendState } from "../stream-state.js";

/** One machine, everything that happened to it, and what is on its way to the other. */
export interface End {
  readonly machine: SessionMachine;
  readonly events: MachineEvent[];
  readonly sent: Uint8Array[];
}

/** Two machines joined by queues, which move only when told. */
export class MachinePair {
  readonly client: End;
  readonly server: End;

  constructor(framing: Framing, limits: Partial<Limits> = {}) {
    const end = (side: Side): End => ({
      machine: new SessionMachine({
        side,
        framing,
        limits: { ...DEFAULT_LIMITS, ...limits },
        idleTimeoutMs: 30_000,
      }),
      events: [],
      sent: [],
    });
    this.client = end("client");
    this.server = end("server");
  }

  /** The other one. */
  peer(end: End): End {
    return end === this.client ? this.server : this.client;
  }

  /** Hands the next message of a machine to the queue; `false` when it has none. */
  emit(end: End): boolean {
    const message = end.machine.pollMessage();
    if (message) end.sent.push(message.bytes);
    return message !== undefined;
  }

  /** Delivers the next message from the queue of `from`; `false` when it is empty. */
  deliver(from: End): boolean {
    const message = from.sent.shift();
    if (message === undefined) return false;
    const to = this.peer(from);
    to.machine.handleMessage(message);
    takeEvents(to);
    return true;
  }

  /** Moves everything until nothing moves. */
  settle(): void {
    for (const end of [this.client, this.server]) takeEvents(end);
    let moved = true;
    while (moved) {
      moved = false;
      for (const end of [this.client, this.server]) {
        while (this.emit(end)) moved = true;
        while (this.deliver(end)) moved = true;
      }
    }
  }
}

/** Moves the events of a machine to `end.events`. */
export function takeEvents(end: End): void {
  for (let event = end.machine.pollEvent(); event; event = end.machine.pollEvent()) {
    end.events.push(event);
  }
}

/** The streams the peer has opened so far. */
export function openedStreams(end: End): { recv: RecvState; send: SendState | undefined }[] {
  return end.events.flatMap((event) => (event.type === "opened" ? [event] : []));
}

/** How the session ended, `undefined` while it has not. */
export function endOf(end: End) {
  for (const event of end.events) if (event.type === "ended") return event.info;
  return undefined;
}

/** Everything that can be read now. */
export function readNow(end: End, recv: RecvState): Buffer {
  const chunks: Uint8Array[] = [];
  const next = () => end.machine.recvStreams.read(recv);
  for (let chunk = next(); chunk; chunk = next()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
