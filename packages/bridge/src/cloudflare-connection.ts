import {
  cloudflare,
  connectIetf14,
  IETF14_PROTOCOLS,
  type Ietf14Session,
} from "@moq-bridge/moq-ietf14-session";
import type { Path } from "@moq-bridge/origin";
import type { Runtime } from "@moq-bridge/runtime";
import type { connectRelay, TlsTrust } from "@moq-bridge/transport";

/** How to reach Cloudflare's network. */
export interface CloudflareOptions {
  /** `https://`: WebTransport. A token, where there is one, is in the path. */
  readonly url: string;
  readonly tls: TlsTrust;
  /** Requests made on one session at most; default: what the peer grants. */
  readonly requestLimit?: number | undefined;
  /** Sessions at once at most; default 32. What does not fit waits for capacity. */
  readonly maxSessions?: number | undefined;
  /**
   * Announced once for all that is shown below it. Saves requests and names; all tracks below are
   * served by the one session that holds it, of 99 streams. Streams listed below it are not carried.
   */
  readonly announcePrefix?: Path | undefined;
  /** Tracks written once in a long while, `*` stands for any characters; default `catalog.json` and `.catalog`. */
  readonly writeOnceTracks?: readonly string[] | undefined;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Opens sessions with Cloudflare's side. There is no fallback: it has no WebSocket listener. */
export function cloudflareConnector(options: {
  runtime: Runtime;
  cloudflare: CloudflareOptions;
  connect: typeof connectRelay;
}): (signal: AbortSignal) => Promise<Ietf14Session> {
  const { writeOnceTracks = cloudflare.writeOnceTracks } = options.cloudflare;
  const profile = { ...cloudflare, writeOnceTracks };
  return async (signal) => {
    const { session } = await options.connect(options.cloudflare.url, {
      protocols: IETF14_PROTOCOLS,
      tls: options.cloudflare.tls,
      fallback: false,
      timeoutMs: CONNECT_TIMEOUT_MS,
      signal,
    });
    return connectIetf14(session, { runtime: options.runtime, profile });
  };
}
