import { MoqError, toMoqError } from "@moq-bridge/runtime";
import { connectError } from "../connect-error.js";
import type { Connect, ConnectOptions, TransportSession } from "../transport.js";
import { type Backends, defaultBackends } from "./backends.js";
import { isCloudflare, isLoopback } from "./hosts.js";
import { carriesToken, redactUrl, withoutSecrets } from "./redact.js";

/** How long UDP may give no answer before WebSocket is tried, in milliseconds. */
const QUIC_PATIENCE_MS = 3_000;

/** What {@link connectRelay} may be told beside {@link ConnectOptions}. */
export interface ConnectRelayOptions extends ConnectOptions {
  /** Whether an `https://` relay may be reached over WebSocket. Default true; never for mediaoverquic.com. */
  readonly fallback?: boolean;
  /** Send a token over `ws://` beyond loopback, readable by everyone on the way. Default false. */
  readonly insecureWs?: boolean;
  /** What connects. Default: this package's native QUIC and WebSocket, loaded when needed. */
  readonly backends?: Backends;
}

/** A session with a relay, and how it came about. */
export interface RelayConnection {
  readonly session: TransportSession;
  readonly transport: "webtransport" | "websocket";
  /** Why an `https://` relay is reached over WebSocket: the error of the attempt over QUIC. */
  readonly fellBack: MoqError | undefined;
}

/**
 * Connects to a relay by its URL: `https://` over WebTransport, `wss://` and
 * `ws://` over WebSocket.
 *
 * An `https://` relay is tried over `wss://` (never `ws://`), with the same
 * trust settings, only when no QUIC backend loads or UDP gets no answer within
 * 3 s; never once TLS, HTTP or anything above has answered. `timeoutMs` counts
 * for each of the two attempts.
 *
 * @throws {MoqError} the codes of {@link Connect}, with no token in any message;
 *   `connect_url` for a URL of another kind; `connect_insecure` when the settings
 *   would give security away: `insecure` towards mediaoverquic.com, or a token over
 *   `ws://` beyond loopback without `insecureWs`
 */
export async function connectRelay(
  url: string,
  options: ConnectRelayOptions,
): Promise<RelayConnection> {
  const target = parseRelayUrl(url);
  refuseInsecurity(target, options);
  const { native, webSocket } = options.backends ?? defaultBackends;
  if (target.protocol !== "https:") {
    const session = await attempt(webSocket, target, options);
    return { session, transport: "websocket", fellBack: undefined };
  }

  const mayFallBack = options.fallback !== false && !isCloudflare(target.hostname);
  const patience = mayFallBack ? QUIC_PATIENCE_MS : Number.POSITIVE_INFINITY;
  const timeoutMs = Math.min(options.timeoutMs, patience);
  try {
    const session = await attempt(native ?? noQuic, target, { ...options, timeoutMs });
    return { session, transport: "webtransport", fellBack: undefined };
  } catch (error) {
    const reason = asConnectError(error);
    if (!mayFallBack || !invitesFallback(reason) || options.signal?.aborted) throw reason;
    return fallBack(target, options, webSocket, reason);
  }
}

async function fallBack(
  target: URL,
  options: ConnectRelayOptions,
  webSocket: Connect,
  reason: MoqError,
): Promise<RelayConnection> {
  try {
    const session = await attempt(webSocket, withScheme(target, "wss:"), options);
    return { session, transport: "websocket", fellBack: reason };
  } catch (error) {
    const second = asConnectError(error);
    if (second.code === "connect_aborted") throw second;
    throw withMessage(second, `${reason.message}; over WebSocket: ${second.message}`);
  }
}

/** Connects with one backend; its errors leave without anything secret of the URL. */
async function attempt(
  connect: Connect,
  target: URL,
  options: ConnectRelayOptions,
): Promise<TransportSession> {
  const { protocols, tls, timeoutMs, idleTimeoutMs, keepAliveMs, signal } = options;
  try {
    return await connect(target.href, {
      protocols,
      timeoutMs,
      ...(tls === undefined ? {} : { tls }),
      ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
      ...(keepAliveMs === undefined ? {} : { keepAliveMs }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    throw withoutSecrets(asConnectError(error), target);
  }
}

const noQuic: Connect = () =>
  Promise.reject(connectError("connect_unsupported", "there is no QUIC backend"));

function invitesFallback(error: MoqError): boolean {
  return error.code === "connect_unsupported" || error.code === "connect_unanswered";
}

function parseRelayUrl(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (!target || !["https:", "wss:", "ws:"].includes(target.protocol)) {
    const given = redactUrl(url);
    throw connectError(
      "connect_url",
      `a relay's URL begins with https://, wss:// or ws://: ${given}`,
    );
  }
  target.hash = "";
  return target;
}

function refuseInsecurity(target: URL, options: ConnectRelayOptions): void {
  if (options.tls?.insecure && isCloudflare(target.hostname)) {
    throw connectError(
      "connect_insecure",
      `${target.hostname} has a valid certificate, which is not to be left unverified`,
    );
  }
  const inClear = target.protocol === "ws:" && !isLoopback(target.hostname);
  if (inClear && !options.insecureWs && carriesToken(target)) {
    throw connectError(
      "connect_insecure",
      `the token in ${redactUrl(target)} could be read on the way: use wss://, or allow insecure ws`,
    );
  }
}

function withScheme(url: URL, scheme: "wss:"): URL {
  const changed = new URL(url);
  changed.protocol = scheme;
  return changed;
}

/** A backend is to throw MoqErrors; of anything else it is not known that nobody answered. */
function asConnectError(error: unknown): MoqError {
  return toMoqError(error, "connect_refused", "session");
}

function withMessage(error: MoqError, message: string): MoqError {
  return new MoqError(error.code, message, {
    scope: error.scope,
    cause: error,
    ...(error.wireCode === undefined ? {} : { wireCode: error.wireCode }),
  });
}
