import {
  cloudflare,
  connectIetf14,
  IETF14_PROTOCOLS,
  type Ietf14Session,
} from "@moq-bridge/moq-ietf14-session";
import type { Runtime } from "@moq-bridge/runtime";
import type { connectRelay, TlsTrust } from "@moq-bridge/transport";

/** How to reach Cloudflare's network. */
export interface CloudflareOptions {
  /** `https://`: WebTransport. A token, where there is one, is in the path. */
  readonly url: string;
  readonly tls: TlsTrust;
  /** Requests made on one session at most; default: what the peer grants. */
  readonly requestLimit?: number;
  /** Sessions at once at most; default 32. What does not fit waits for capacity. */
  readonly maxSessions?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Opens sessions with Cloudflare's side. There is no fallback: it has no WebSocket listener. */
export function cloudflareConnector(options: {
  runtime: Runtime;
  cloudflare: CloudflareOptions;
  connect: typeof connectRelay;
}): (signal: AbortSignal) => Promise<Ietf14Session> {
  return async (signal) => {
    const { session } = await options.connect(options.cloudflare.url, {
      protocols: IETF14_PROTOCOLS,
      tls: options.cloudflare.tls,
      fallback: false,
      timeoutMs: CONNECT_TIMEOUT_MS,
      signal,
    });
    return connectIetf14(session, { runtime: options.runtime, profile: cloudflare });
  };
}
