import { randomInt } from "node:crypto";
import {
  connectIetf14,
  IETF14_PROTOCOLS,
  type Ietf14Options,
  type Ietf14Session,
} from "@moq-bridge/moq-ietf14-session";
import { connectLite, LITE_PROTOCOLS, type LiteSession } from "@moq-bridge/moq-lite-session";
import type { Origin } from "@moq-bridge/origin";
import { systemRuntime } from "@moq-bridge/runtime";
import { connectRelay, type RelayConnection, type TlsTrust } from "@moq-bridge/transport";

const CONNECT_TIMEOUT_MS = 10_000;

/** Where to connect, and whom to trust. */
export interface Target {
  readonly url: URL;
  readonly token: string | undefined;
  readonly tls: TlsTrust;
  readonly insecureWs: boolean;
  readonly signal?: AbortSignal;
}

/** A session and what carries it. */
export interface Opened<S> {
  readonly session: S;
  readonly connection: RelayConnection;
}

/** Opens a moq-lite session that serves `publish` and fills `subscribe`. */
export async function openLite(
  target: Target,
  origins: { readonly publish?: Origin; readonly subscribe?: Origin },
): Promise<Opened<LiteSession>> {
  const connection = await open(target, LITE_PROTOCOLS, true);
  const session = await connectLite(connection.session, {
    runtime: systemRuntime,
    originId: BigInt(randomInt(1, 2 ** 47)),
    ...origins,
  });
  return { session, connection };
}

/** Opens a draft-14 session. Such relays have no WebSocket listener to fall back to. */
export async function openIetf14(
  target: Target,
  options: Omit<Ietf14Options, "runtime">,
): Promise<Opened<Ietf14Session>> {
  const connection = await open(target, IETF14_PROTOCOLS, false);
  const session = await connectIetf14(connection.session, { runtime: systemRuntime, ...options });
  return { session, connection };
}

function open(
  { url, token, tls, insecureWs, signal }: Target,
  protocols: readonly string[],
  fallback: boolean,
): Promise<RelayConnection> {
  const target = new URL(url);
  if (token !== undefined) target.searchParams.set("jwt", token);
  return connectRelay(target.href, {
    protocols,
    tls,
    insecureWs,
    fallback,
    timeoutMs: CONNECT_TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
}
