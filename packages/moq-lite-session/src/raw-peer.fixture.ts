import type { Cursor } from "@moq-bridge/moq-wire";
import {
  encodeAnnounce,
  encodeAnnounceOk,
  encodeGroupHeader,
  encodeSetup,
  encodeStreamType,
  hasAnnounceOk,
  hasSetupStream,
  type LiteVersion,
  liteAlpn,
  UNI_STREAM,
} from "@moq-bridge/moq-wire/lite";
import { Origin } from "@moq-bridge/origin";
import type { VirtualRuntime } from "@moq-bridge/runtime";
import {
  type BidiStream,
  memoryPair,
  type SendStream,
  type TransportSession,
} from "@moq-bridge/transport";
import { connectLite } from "./connect.js";
import { MessageStream } from "./message-stream.js";
import type { LiteLimits, LiteSession } from "./options.js";

export const PEER_ID = 99n;

/** A request stream as the scripted peer holds it. */
export interface RawStream {
  readonly stream: BidiStream;
  /** The next message, `undefined` after our FIN. */
  read<T>(decode: (cursor: Cursor) => T): Promise<T | undefined>;
}

/** Our client against a peer that says exactly what a test wants. */
export interface RawSession {
  readonly session: LiteSession;
  readonly peer: TransportSession;
  readonly publish: Origin;
  readonly receive: Origin;
  /** The announce stream our client opened, its request still unread. */
  readonly announces: RawStream;
  /** Announces a broadcast to our client. */
  announce(path: string, hops?: readonly bigint[]): Promise<void>;
  /** The next bidirectional stream our client opens. */
  accept(): Promise<RawStream>;
  /** Opens a bidirectional stream to our client. */
  open(...bytes: Uint8Array[]): Promise<RawStream>;
  /** Opens a group stream to our client. */
  group(subscribeId: number, sequence: number): Promise<SendStream>;
}

/** Connects our client, in a version without a SETUP exchange, to a scripted peer. */
export async function rawSession(
  runtime: VirtualRuntime,
  version: LiteVersion,
  limits: Partial<LiteLimits> & { readonly windowBytes?: number } = {},
): Promise<RawSession> {
  const { windowBytes, ...sessionLimits } = limits;
  const transport = memoryPair({
    runtime,
    protocol: liteAlpn(version),
    ...(windowBytes === undefined ? {} : { windowBytes }),
  });
  const peer = transport.server;
  const publish = new Origin({ runtime });
  const receive = new Origin({ runtime, idleMs: 0 });
  const opening = connectLite(transport.client, {
    runtime,
    originId: 11n,
    publish,
    subscribe: receive,
    limits: sessionLimits,
  });
  if (hasSetupStream(version)) {
    const setup = await peer.openUni();
    await setup.write([
      encodeStreamType(UNI_STREAM.setup),
      encodeSetup(version, { originId: PEER_ID, unknown: [] }),
    ]);
    setup.finish();
  }
  await runtime.advance(0);
  const session = await opening;
  const accept = async (): Promise<RawStream> => {
    const stream = await peer.acceptBidi();
    if (!stream) throw new Error("the session ended");
    return raw(stream);
  };
  const announces = await accept();
  if (hasAnnounceOk(version)) {
    await announces.stream.send.write(
      encodeAnnounceOk(version, { originId: PEER_ID, activeCount: 0 }),
    );
  }
  return {
    session,
    peer,
    publish,
    receive,
    announces,
    accept,
    announce: (suffix, hops = [5n]) =>
      announces.stream.send.write(encodeAnnounce(version, { type: "start", suffix, hops })),
    async open(...bytes) {
      const stream = await peer.openBidi();
      await stream.send.write(bytes);
      return raw(stream);
    },
    async group(subscribeId, sequence) {
      const stream = await peer.openUni();
      await stream.write([
        encodeStreamType(UNI_STREAM.group),
        encodeGroupHeader(version, { subscribeId, sequence, startFrame: 0 }),
      ]);
      return stream;
    },
  };
}

function raw(stream: BidiStream): RawStream {
  const messages = new MessageStream(stream.recv);
  return { stream, read: (decode) => messages.next(decode) };
}
