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
  const late = "the peer admitted no control stream in time";
  return start(
    transport,
    await inSetupTime(transport.openBidi(), late, transport, options),
    options,
  );
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
  const late = "the peer opened no control stream in time";
  return start(
    transport,
    await inSetupTime(transport.acceptBidi(), late, transport, options),
    options,
  );
}

/** The control stream, or the end of the transport when there is none in the time SETUP may take. */
async function inSetupTime(
  control: Promise<BidiStream | undefined>,
  late: string,
  transport: TransportSession,
  { runtime, profile }: Ietf14Options,
): Promise<BidiStream> {
  let isLate = false;
  const cancel = runtime.setTimer(profile.setupTimeoutMs, () => {
    isLate = true;
    transport.close(SESSION_ERROR.controlMessageTimeout, late);
  });
  try {
    const stream = await control;
    if (stream && !isLate) return stream;
  } catch (error) {
    if (!isLate) throw error;
  } finally {
    cancel();
  }
  throw isLate
    ? new MoqError("setup_timeout", late, { scope: "session" })
    : new MoqError("connection_lost", "the session ended before SETUP", { scope: "session" });
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
