import {
  BIDI_STREAM,
  decodeProbe,
  encodeGoaway,
  encodeStreamType,
  hasGoaway,
  hasProbe,
  type Probe,
} from "@moq-bridge/moq-wire/lite";
import type { MoqError } from "@moq-bridge/runtime";
import { STREAM_CODE } from "./codes.js";
import type { SessionContext } from "./context.js";
import { isSessionClosed, isStreamEnd, subscriptionError } from "./errors.js";
import { MessageStream } from "./message-stream.js";

/** Sends GOAWAY. @throws {MoqError} `message_not_allowed`, `stream_limit`, `session_closed` */
export async function tellGoaway(context: SessionContext, uri: string): Promise<void> {
  const { version } = context;
  if (!hasGoaway(version)) throw notAllowed(context, "GOAWAY");
  const message = encodeGoaway(version, { uri });
  const stream = await context.openBidi();
  await stream.send.write([encodeStreamType(BIDI_STREAM.goaway), message]);
  stream.send.finish();
}

/**
 * Asks for PROBE reports. Only the stream type is sent: a relay takes anything
 * more for a fault.
 *
 * @throws {MoqError} `message_not_allowed`, `stream_limit`, `session_closed`
 */
export async function* followProbe(context: SessionContext): AsyncGenerator<Probe, void, void> {
  const { version } = context;
  if (!hasProbe(version)) throw notAllowed(context, "PROBE");
  const stream = await context.openBidi();
  try {
    await stream.send.write(encodeStreamType(BIDI_STREAM.probe));
    const messages = new MessageStream(stream.recv);
    const next = () => messages.next((cursor) => decodeProbe(version, cursor));
    for (let probe = await next(); probe; probe = await next()) yield probe;
  } catch (error) {
    if (!isStreamEnd(error) && !isSessionClosed(error)) {
      context.fail(error);
      throw error;
    }
  } finally {
    stream.send.finish();
    stream.recv.stop(STREAM_CODE.cancel);
  }
}

function notAllowed({ version }: SessionContext, name: string): MoqError {
  return subscriptionError("message_not_allowed", `${version} has no ${name}`);
}
