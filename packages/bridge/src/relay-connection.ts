import { connectLite, LITE_PROTOCOLS, type LiteSession } from "@moq-bridge/moq-lite-session";
import type { Origin, OriginProducer } from "@moq-bridge/origin";
import { type Runtime, toMoqError } from "@moq-bridge/runtime";
import type { connectRelay, TlsTrust } from "@moq-bridge/transport";
import { GatedOrigin } from "./gated-origin.js";
import type { Logger } from "./logger.js";
import type { RelayReaders } from "./relay-readers.js";
import { type RelayToken, tokenClaims } from "./relay-token.js";

/** How to reach the relay. */
export interface RelayOptions {
  /** `https://`, `wss://` or `ws://`; the path is the session's root. */
  readonly url: string;
  /** The token sent as `?jwt=`, read before each connect, and again before the one in use expires. */
  token(): Promise<string | undefined>;
  readonly tls: TlsTrust;
  /** Allow a token over `ws://` beyond loopback. */
  readonly insecureWs: boolean;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** What sessions with the relay are opened with. */
interface ConnectorOptions {
  runtime: Runtime;
  log: Logger;
  relay: RelayOptions;
  token: RelayToken;
  connect: typeof connectRelay;
  /** Filled with what the relay announces. */
  origin: Origin;
  /** Served to the relay. */
  toRelay: Origin;
  originId: bigint;
  /** Read what one session cannot. */
  readers: RelayReaders;
  /** A session is up. `tellsBridges`: what other bridges announce there is not announced to it. */
  onSession(tellsBridges: boolean): void;
  /** The peer's broadcasts are in `origin`; called before any of `toRelay` is announced. */
  onAnnounced(): void;
}

/** Opens sessions with the relay that fill `origin` and serve `toRelay`. */
export function relayConnector(
  options: ConnectorOptions,
): (signal: AbortSignal) => Promise<LiteSession> {
  return async (signal) => {
    const token = await options.token.take();
    try {
      return await openSession(options, token, signal);
    } catch (error) {
      throw options.token.explain(toMoqError(error, "connect_failed", "session"));
    }
  };
}

async function openSession(
  options: ConnectorOptions,
  token: string | undefined,
  signal: AbortSignal,
): Promise<LiteSession> {
  const { session: transport, fellBack } = await openTransport(options, token, signal);
  if (fellBack) options.log.info(`relay: over WebSocket, because ${fellBack.message}`);
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { runtime, originId, readers } = options;
  const session = await connectLite(transport, {
    runtime,
    originId,
    publish: new GatedOrigin(options.toRelay, gate),
    subscribe: readers.spreading(options.origin),
  });
  readers.handleMain(session, !session.hasOrigins || transport.kind === "websocket");
  options.onSession(session.hasOrigins || hidesClusterNames(token));
  await session.announced;
  options.onAnnounced();
  open();
  return session;
}

/** Opens sessions with the relay that only read: they fill `subscribe` and announce nothing. */
export function readerConnector(
  options: Pick<ConnectorOptions, "runtime" | "token" | "relay" | "connect" | "originId">,
): (subscribe: OriginProducer, signal: AbortSignal) => Promise<LiteSession> {
  return async (subscribe, signal) => {
    const token = await options.token.take();
    const { session: transport } = await openTransport(options, token, signal);
    const { runtime, originId } = options;
    const session = await connectLite(transport, { runtime, originId, subscribe });
    await session.announced;
    return session;
  };
}

function openTransport(
  { relay, connect }: Pick<ConnectorOptions, "relay" | "connect">,
  token: string | undefined,
  signal: AbortSignal,
): ReturnType<typeof connectRelay> {
  const url = new URL(relay.url);
  if (token !== undefined) url.searchParams.set("jwt", token);
  return connect(url.href, {
    protocols: LITE_PROTOCOLS,
    tls: relay.tls,
    insecureWs: relay.insecureWs,
    timeoutMs: CONNECT_TIMEOUT_MS,
    signal,
  });
}

/** Relays whose announcements carry no origins hide the names of cluster nodes from each other: bridges with such a token meet none. */
function hidesClusterNames(token: string | undefined): boolean {
  return token !== undefined && tokenClaims(token)?.cluster === true;
}
