import type { Runtime } from "@moq-bridge/runtime";
import type { TransportSession } from "../transport.js";
import { Link } from "./link.js";
import { MemorySession } from "./memory-session.js";
import { seededRandom, Wire } from "./wire.js";

/** What a {@link memoryPair} is like. */
export interface MemoryPairOptions {
  readonly runtime: Runtime;
  /**
   * Decides the order in which different streams (and both directions) are
   * delivered, where chunks are cut in two, whether a reset overtakes data and
   * which datagrams are lost. Without it everything arrives in the order sent.
   */
  readonly seed?: number;
  /** Unidirectional streams each side may have open at once. Default 10,000. */
  readonly maxUniStreams?: number;
  /** Bidirectional streams each side may have open at once. Default 10,000. */
  readonly maxBidiStreams?: number;
  /** Bytes of one stream that may be unread before its writer blocks. Default 262,144. */
  readonly windowBytes?: number;
  /** The negotiated protocol, as both sides see it. */
  readonly protocol?: string;
  /** The path and query the client asked for, as the server sees it. */
  readonly path?: string;
  /** Share of datagrams lost, 0 to 1. Default 0. */
  readonly datagramLoss?: number;
  /**
   * Time from sending to arrival, in milliseconds on the runtime's clock.
   * Default 0: delivered as promises settle, without time passing.
   */
  readonly latencyMs?: number;
  /** What each direction carries; where more is to be sent, streams of higher priority leave first. Absent: everything at once. */
  readonly bytesPerSecond?: number;
}

/** Two sessions connected to each other. */
export interface MemoryPair {
  readonly client: TransportSession;
  readonly server: TransportSession;
  /**
   * Loses the connection: both sides end at once `by: "transport"`, nothing
   * under way arrives. With `afterDeliveries` that happens in the middle of
   * things: when so many more chunks, ends, acknowledgements and the like arrived.
   */
  cut(afterDeliveries?: number): void;
  /** Directions of streams that are still being sent on: one of a unidirectional stream, two of a bidirectional one. */
  readonly openStreams: number;
}

/**
 * A client's and a server's session joined in memory, with the flow control,
 * stream limits and loss of order of a real network; the same seed gives the
 * same run. Stricter than most networks where the interface leaves it open:
 * a stream becomes known to the peer only with its first byte, FIN, reset or
 * stop, and a reset or close drops whatever was not read.
 */
export function memoryPair(options: MemoryPairOptions): MemoryPair {
  const random = options.seed === undefined ? undefined : seededRandom(options.seed);
  const wire = new Wire({ runtime: options.runtime, random, latencyMs: options.latencyMs ?? 0 });
  const loss = options.datagramLoss ?? 0;
  const draw = random ?? seededRandom(0);
  const { runtime, bytesPerSecond } = options;
  const links =
    bytesPerSecond === undefined
      ? undefined
      : { client: new Link(runtime, bytesPerSecond), server: new Link(runtime, bytesPerSecond) };
  const shared = {
    wire,
    links,
    windowBytes: options.windowBytes ?? 262_144,
    limits: { uni: options.maxUniStreams ?? 10_000, bidi: options.maxBidiStreams ?? 10_000 },
    protocol: options.protocol,
    losesDatagram: () => loss > 0 && draw() < loss,
  };
  const client = new MemorySession("client", undefined, shared);
  const server = new MemorySession("server", options.path ?? "/", shared);
  MemorySession.join(client, server);
  const cutLinks = () => {
    links?.client.cut();
    links?.server.cut();
  };
  void Promise.all([client.closed, server.closed]).then(cutLinks);
  const lose = () => {
    wire.cut();
    cutLinks();
    const lost = { code: undefined, reason: "connection lost", by: "transport" } as const;
    client.end(lost);
    server.end(lost);
  };
  return {
    client,
    server,
    get openStreams() {
      return client.openStreams + server.openStreams;
    },
    cut(afterDeliveries = 0) {
      if (afterDeliveries === 0) lose();
      else wire.after(afterDeliveries, lose);
    },
  };
}
