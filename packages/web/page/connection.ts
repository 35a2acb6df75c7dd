import {
  cloudflare,
  connectIetf14,
  IETF14_PROTOCOLS,
  type Ietf14Session,
} from "@moq-bridge/moq-ietf14-session";
import { connectLite, LITE_PROTOCOLS, type LiteSession } from "@moq-bridge/moq-lite-session";
import type { OriginConsumer, OriginProducer } from "@moq-bridge/origin";
import { MoqError, systemRuntime as runtime } from "@moq-bridge/runtime";
import {
  fromWebSocket,
  fromWebTransport,
  type W3cWebTransport,
  webSocketSubprotocols,
} from "@moq-bridge/transport/w3c";

/** Where the page connects to. */
export interface Address {
  /** `cloudflare`: draft-14 over WebTransport, or over WebSocket to `ws:` and `wss:`. `relay`: moq-lite over WebSocket. */
  readonly side: "cloudflare" | "relay";
  readonly url: string;
  /** SHA-256 of the server's certificate in hex, where no authority vouches for it. */
  readonly fingerprint?: string;
}

type TransportSession = Awaited<ReturnType<typeof fromWebSocket>>;

/** What a session with the relay serves and fills. */
export interface RelayOrigins {
  readonly publish?: OriginConsumer;
  readonly subscribe?: OriginProducer;
}

/** How attempts to connect are paced, in milliseconds. */
export interface Pace {
  /** How long one may take. */
  readonly connectMs: number;
  /** Between two of them at most. */
  readonly longestDelayMs: number;
}

const WEBSOCKET_PACE: Pace = { connectMs: 10_000, longestDelayMs: 2_000 };
/**
 * Chromium remembers a page's failed WebTransport handshakes for 5 minutes, and holds the
 * next one back by 10 ms doubled with each of them, up to a minute. A page that tries every
 * other second would be held back for minutes once its relay runs again.
 */
export const WEBTRANSPORT_PACE: Pace = { connectMs: 30_000, longestDelayMs: 30_000 };

/** How to pace attempts to connect to `address`. */
export function paceOf({ side, url }: Address): Pace {
  return side === "cloudflare" && url.startsWith("https:") ? WEBTRANSPORT_PACE : WEBSOCKET_PACE;
}

/** Lite-05 says what it is in the subprotocol; before that the framings named nothing. */
const RELAY_PROTOCOLS = LITE_PROTOCOLS.filter((protocol) => protocol.startsWith("moq-lite-"));

/** This page's hop id: what it announces does not come back to it. */
const originId = crypto.getRandomValues(new BigUint64Array(1))[0] ?? 1n;
const HOP_ID = (originId >> 2n) | 1n;

/** A session, and what it runs over, in words. */
export interface Connected<Session> {
  readonly session: Session;
  readonly over: string;
}

/** An address of the right form. */
interface Target {
  readonly url: URL;
  /** SHA-256 of the certificate. */
  readonly certificate: Uint8Array<ArrayBuffer> | undefined;
}

const SCHEMES: Readonly<Record<Address["side"], readonly string[]>> = {
  cloudflare: ["https:", "wss:", "ws:"],
  relay: ["wss:", "ws:", "https:", "http:"],
};

/** @throws {Error} a sentence, where this browser cannot connect to such an address at all */
export function checkAddress({ side, url: text, fingerprint }: Address): Target {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const schemes = SCHEMES[side];
  if (!url || !schemes.includes(url.protocol)) {
    const beginnings = schemes.map((scheme) => `${scheme}//`).join(" or ");
    throw new Error(`The server’s address must begin with ${beginnings}.`);
  }
  if (side === "relay") url.protocol = url.protocol.replace("http", "ws");
  if (url.protocol === "https:" && !("WebTransport" in globalThis)) {
    throw new Error("This browser has no WebTransport. Use the relay over WebSocket instead.");
  }
  return { url, certificate: fingerprint ? fromHex(fingerprint) : undefined };
}

/** @throws {Error} whose message is a plain sentence */
export async function connectCloudflare(address: Address): Promise<Connected<Ietf14Session>> {
  const target = checkAddress(address);
  const overWebSocket = target.url.protocol !== "https:";
  const transport = await (overWebSocket
    ? openWebSocket(target, IETF14_PROTOCOLS)
    : openWebTransport(target));
  const session = await connectIetf14(transport, { runtime, profile: cloudflare });
  return { session, over: `${overWebSocket ? "WebSocket" : "WebTransport"}, draft-14` };
}

/** @throws {Error} whose message is a plain sentence */
export async function connectToRelay(
  address: Address,
  origins: RelayOrigins,
): Promise<Connected<LiteSession>> {
  const transport = await openWebSocket(checkAddress(address), RELAY_PROTOCOLS);
  const session = await connectLite(transport, { runtime, originId: HOP_ID, ...origins });
  return { session, over: `WebSocket, moq-${session.version}` };
}

function openWebSocket({ url }: Target, protocols: readonly string[]): Promise<TransportSession> {
  const webSocket = new WebSocket(url, webSocketSubprotocols(protocols));
  const giveUp = () => webSocket.close();
  return opened(fromWebSocket(webSocket), { url, giveUp, limitMs: WEBSOCKET_PACE.connectMs });
}

function openWebTransport({ url, certificate }: Target): Promise<TransportSession> {
  const webTransport = new WebTransport(url, {
    ...(certificate && {
      serverCertificateHashes: [{ algorithm: "sha-256", value: certificate }],
    }),
  });
  const session = fromWebTransport(toW3c(webTransport), { protocol: IETF14_PROTOCOLS[0] ?? "" });
  const giveUp = () => webTransport.close();
  return opened(session, { url, giveUp, limitMs: WEBTRANSPORT_PACE.connectMs });
}

/** An attempt to connect. */
interface Attempt {
  readonly url: URL;
  readonly limitMs: number;
  giveUp(): void;
}

/** Browsers do not tell a page why a server could not be reached. */
async function opened(
  session: Promise<TransportSession>,
  attempt: Attempt,
): Promise<TransportSession> {
  const { url } = attempt;
  try {
    return await inTime(session, attempt);
  } catch (error) {
    const code = error instanceof MoqError ? error.code : "";
    if (code === "connect_http") throw new Error(`${url.host} does not speak this dialect.`);
    if (code !== "connect_refused") throw error;
    throw new Error(
      `${url.host} cannot be reached, or refuses the address, its token or the certificate.`,
      { cause: error },
    );
  }
}

/** TypeScript's own types do not know the options of the present standard. */
function toW3c(webTransport: WebTransport): W3cWebTransport {
  return webTransport as W3cWebTransport;
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replaceAll(/[^0-9a-f]/gi, "");
  if (digits.length !== 64) throw new Error("The certificate's fingerprint must be 64 hex digits.");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** WebTransport and WebSocket have no time limit of their own. */
function inTime<T>(promise: Promise<T>, { url, limitMs, giveUp }: Attempt): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = runtime.setTimer(limitMs, () => {
      giveUp();
      reject(new Error(`${url.host} does not answer.`));
    });
    promise.then(resolve, reject).finally(cancel);
  });
}
