import { SESSION_ERROR } from "@moq-bridge/moq-wire/ietf14";
import { MoqError } from "@moq-bridge/runtime";
import type { BidiStream, TransportSession } from "@moq-bridge/transport";
import { type Ietf14Options, Ietf14Session } from "./session.js";

/** What to offer the transport. Peers that pick none speak draft-14 as well. */
export const IETF14_PROTOCOLS: readonly string[] = ["moq-00"];

/**
 * Opens a draft-14 session as a client: sends CLIENT_SETUP and resolves after SERVER_SETUP.
 *
 * @throws {MoqError} `setup_timeout`, `peer_violation` (with the close code as `wireCode`),
 *   `control_stream_ended`, `closed_by_peer`, `connection_lost`; the transport is closed then
 */
export async function connectIetf14(
  transport: TransportSession,
  options: Ietf14Options,
): Promise<Ietf14Session> {
  return start(transport, await transport.openBidi(), options);
}

/**
 * Opens a draft-14 session as a server: resolves after CLIENT_SETUP was answered.
 *
 * @throws {MoqError} as {@link connectIetf14}
 */
export async function acceptIetf14(
  transport: TransportSession,
  options: Ietf14Options,
): Promise<Ietf14Session> {
  const { runtime, profile } = options;
  const cancel = runtime.setTimer(profile.setupTimeoutMs, () => {
    transport.close(SESSION_ERROR.controlMessageTimeout, "no control stream was opened in time");
  });
  let control: BidiStream | undefined;
  try {
    control = await transport.acceptBidi();
  } finally {
    cancel();
  }
  if (!control) {
    const { by } = await transport.closed;
    const timeout = by === "local";
    throw new MoqError(
      timeout ? "setup_timeout" : "connection_lost",
      timeout ? "the peer opened no control stream in time" : "the session ended before SETUP",
      { scope: "session" },
    );
  }
  return start(transport, control, options);
}

async function start(
  transport: TransportSession,
  control: BidiStream,
  options: Ietf14Options,
): Promise<Ietf14Session> {
  const session = new Ietf14Session(transport, control, options);
  await session.ready;
  return session;
}
