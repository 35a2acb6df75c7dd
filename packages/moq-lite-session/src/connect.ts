import {
  hasSetupStream,
  type LiteVersion,
  liteVersionOfAlpn,
  MOQL_ALPN,
} from "@moq-bridge/moq-wire/lite";
import { MoqError } from "@moq-bridge/runtime";
import type { TransportSession } from "@moq-bridge/transport";
import { SESSION_CODE } from "./codes.js";
import { SessionContext } from "./context.js";
import { Counters } from "./counters.js";
import { sessionError, timedOut } from "./errors.js";
import { DEFAULT_LIMITS, type LiteSession, type LiteSessionOptions } from "./options.js";
import { current, december2025, type LiteProfile } from "./profile.js";
import { Session } from "./session.js";
import {
  chooseVersion,
  offerVersions,
  SETUP_VERSIONS,
  type SetupResult,
} from "./setup-exchange.js";
import { withTimeLimit } from "./time-limit.js";

/**
 * The application protocols to offer a relay, most wanted first. `moql` leads
 * to a SETUP exchange, which lite-02 comes out of.
 */
export const LITE_PROTOCOLS: readonly string[] = ["moq-lite-05", "moq-lite-04", MOQL_ALPN];

/**
 * Opens a moq-lite session as the client of a connected transport. The version
 * is the one the transport's protocol names, or is settled by a SETUP exchange.
 * On failure the transport is closed.
 *
 * @throws {MoqError} `origin_id_invalid`, `protocol_unsupported`, `version_unsupported`,
 *   `session_timeout`, `protocol_violation`, or why the session ended
 */
export function connectLite(
  transport: TransportSession,
  options: LiteSessionOptions,
): Promise<LiteSession> {
  return open(transport, options, offerVersions);
}

/** Opens a moq-lite session as the server of an accepted transport. Otherwise as {@link connectLite}. */
export function acceptLite(
  transport: TransportSession,
  options: LiteSessionOptions,
): Promise<LiteSession> {
  return open(transport, options, chooseVersion);
}

type Exchange = (
  transport: TransportSession,
  versions: readonly LiteVersion[],
) => Promise<SetupResult>;

async function open(
  transport: TransportSession,
  options: LiteSessionOptions,
  exchange: Exchange,
): Promise<LiteSession> {
  checkOriginId(options.originId);
  try {
    const named = versionNamed(transport.protocol);
    if (named) return await start(transport, options, named);
    const versions = options.setupVersions ?? SETUP_VERSIONS;
    const setup = await withSetupLimit(exchange(transport, versions), options);
    return await start(transport, options, setup.version, setup);
  } catch (thrown) {
    const error = sessionError(thrown);
    transport.close(error.wireCode ?? SESSION_CODE.internal, error.message);
    throw error;
  }
}

async function start(
  transport: TransportSession,
  options: LiteSessionOptions,
  version: LiteVersion,
  setup?: SetupResult,
): Promise<LiteSession> {
  const { runtime, originId } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const counters = new Counters();
  const context = new SessionContext({
    transport,
    version,
    profile: options.profile ?? profileOf(transport),
    runtime,
    limits,
    originId,
    counters,
  });
  const session = new Session(context, options);
  session.begin();
  if (transport.side === "client") {
    session.start(setup);
    if (hasSetupStream(version)) await withSetupLimit(session.peerHeard, options);
  } else {
    await withSetupLimit(session.peerSetup, options);
    session.start(setup);
  }
  return session;
}

/** A relay of December 2025 agrees on no protocol, whatever it is offered. */
function profileOf({ side, protocol }: TransportSession): LiteProfile {
  return side === "client" && protocol === undefined ? december2025 : current;
}

/** The version a protocol names, `undefined` where a SETUP exchange decides. */
function versionNamed(protocol: string | undefined): LiteVersion | undefined {
  const version = liteVersionOfAlpn(protocol);
  if (version || protocol === undefined || protocol === MOQL_ALPN) return version;
  throw new MoqError("protocol_unsupported", `"${protocol}" is not a protocol of moq-lite`, {
    scope: "session",
    wireCode: SESSION_CODE.version,
  });
}

function withSetupLimit<T>(promise: Promise<T>, options: LiteSessionOptions): Promise<T> {
  const ms = options.limits?.setupMs ?? DEFAULT_LIMITS.setupMs;
  return withTimeLimit(promise, {
    runtime: options.runtime,
    ms,
    error: () => timedOut(`the peer said nothing within ${ms} ms`),
  });
}

function checkOriginId(originId: bigint): void {
  if (originId > 0n && originId < 1n << 62n) return;
  throw new MoqError("origin_id_invalid", "the origin id must be above 0 and below 2^62", {
    scope: "process",
  });
}
