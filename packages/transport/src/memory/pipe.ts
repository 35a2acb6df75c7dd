import { type Link, LinkQueue, PACKET_BYTES } from "./link.js";
import { MemoryRecv } from "./memory-recv.js";
import { MemorySend } from "./memory-send.js";
import { Lane, type Wire } from "./wire.js";

/** What one direction of a stream needs of the session at either end. */
export interface PipeOptions {
  readonly wire: Wire;
  /** What data waits for before it is on the wire; absent: nothing. */
  readonly link: Link | undefined;
  readonly windowBytes: number;
  /** Something arrived at the receiver: the first time, the stream becomes known there. */
  readonly onArrival: () => void;
  /** A STOP_SENDING arrived at the sender, which may be how the stream becomes known there. */
  readonly onStopArrival: () => void;
  readonly onSendEnded: () => void;
  readonly onRecvEnded: () => void;
}

/** One direction of a stream: what `send` writes, `recv` reads. */
export interface Pipe {
  readonly send: MemorySend;
  readonly recv: MemoryRecv;
}

/** Connects a sender and a receiver over the wire, in order within each direction. */
export function createPipe(options: PipeOptions): Pipe {
  const { wire, link, onArrival, onStopArrival } = options;
  const forward = new Lane();
  const backward = new Lane();
  const queue = new LinkQueue();

  const leave = (bytes: number, arrive: () => void) => {
    const send = () =>
      wire.send(forward, () => {
        onArrival();
        arrive();
      });
    if (link) link.send(queue, bytes, send);
    else send();
  };

  // The writer's memory and the reader's are as separate here as they are over a network.
  const carry = (chunk: Uint8Array) =>
    leave(chunk.byteLength, () => recv.handleData(chunk.slice()));

  const send: MemorySend = new MemorySend(
    options.windowBytes,
    {
      data(chunk) {
        const parts = link ? packets(chunk) : split(chunk, wire.random);
        for (const part of parts) carry(part);
      },
      fin: () => leave(0, () => recv.handleFin()),
      prioritize(priority) {
        queue.priority = priority;
      },
      reset(code) {
        link?.drop(queue);
        wire.mayLose(forward);
        wire.send(forward, () => {
          onArrival();
          recv.handleReset(code);
        });
      },
    },
    options.onSendEnded,
  );

  const recv: MemoryRecv = new MemoryRecv(
    options.windowBytes,
    {
      credit: (bytes) => wire.send(backward, () => send.handleCredit(bytes)),
      acknowledge: () => wire.send(backward, () => send.handleAcknowledged()),
      stop: (code) =>
        wire.send(backward, () => {
          onStopArrival();
          send.handleStop(code);
        }),
    },
    options.onRecvEnded,
  );

  return { send, recv };
}

/** With a seed, some chunks arrive in two parts: chunk borders mean nothing on a stream. */
function split(chunk: Uint8Array, random: (() => number) | undefined): Uint8Array[] {
  if (!random || chunk.byteLength < 2 || random() < 0.75) return [chunk];
  const at = 1 + Math.floor(random() * (chunk.byteLength - 1));
  return [chunk.subarray(0, at), chunk.subarray(at)];
}

function packets(chunk: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < chunk.byteLength; at += PACKET_BYTES) {
    parts.push(chunk.subarray(at, at + PACKET_BYTES));
  }
  return parts;
}
