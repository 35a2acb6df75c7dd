import { type LiteVersion, liteAlpn } from "@moq-bridge/moq-wire/lite";
import { type BroadcastConsumer, Origin, type TrackConsumer } from "@moq-bridge/origin";
import { settle, type VirtualRuntime } from "@moq-bridge/runtime";
import { type MemoryPair, type MemoryPairOptions, memoryPair } from "@moq-bridge/transport";
import { acceptLite, connectLite } from "./connect.js";
import type { LiteSession, LiteSessionOptions } from "./options.js";

export const CLIENT_ID = 11n;
export const SERVER_ID = 22n;

/** One side of a pair: what it publishes and what it receives. */
export interface Side {
  readonly session: LiteSession;
  readonly publish: Origin;
  readonly receive: Origin;
}

export interface SessionPair {
  readonly transport: MemoryPair;
  readonly client: Side;
  readonly server: Side;
}

/** Our client connected to our server in memory. */
export async function connectPair(
  runtime: VirtualRuntime,
  version: LiteVersion,
  options: Partial<MemoryPairOptions> & Pick<LiteSessionOptions, "limits"> = {},
): Promise<SessionPair> {
  const { limits, ...transportOptions } = options;
  const protocol = liteAlpn(version);
  const transport = memoryPair({ runtime, protocol, ...transportOptions });
  const make = (originId: bigint) => {
    const publish = new Origin({ runtime });
    const receive = new Origin({ runtime });
    return { runtime, originId, publish, subscribe: receive, ...(limits ? { limits } : {}) };
  };
  const ours = make(CLIENT_ID);
  const theirs = make(SERVER_ID);
  const opening = Promise.all([
    connectLite(transport.client, ours),
    acceptLite(transport.server, theirs),
  ]);
  await runtime.advance(0);
  const [clientSession, serverSession] = await opening;
  return {
    transport,
    client: { session: clientSession, publish: ours.publish, receive: ours.subscribe },
    server: { session: serverSession, publish: theirs.publish, receive: theirs.subscribe },
  };
}

/** The broadcast at `path` once it is announced. */
export async function announced(origin: Origin, path: string): Promise<BroadcastConsumer> {
  const announcements = origin.announced();
  try {
    for await (const each of announcements) {
      if (each.type === "active" && each.path === path) return each.broadcast;
    }
  } finally {
    announcements.close();
  }
  throw new Error("closed before it was announced");
}

/** A group as text: its sequence and its frames. */
export async function readGroup(track: TrackConsumer): Promise<string | undefined> {
  const group = await track.nextGroup();
  if (!group) return undefined;
  const frames: string[] = [];
  for (let frame = await group.readFrame(); frame; frame = await group.readFrame()) {
    frames.push(Buffer.from(frame.payload).toString());
  }
  return `${group.sequence}: ${frames.join(",")}`;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export { settle };
