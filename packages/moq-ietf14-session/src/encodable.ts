import { type ControlMessage, encodeControlMessage } from "@moq-bridge/moq-wire/ietf14";
import { MoqError } from "@moq-bridge/runtime";

/** Checks before a request is queued that its names have a form on the wire. @throws {MoqError} `path_invalid` */
export function checkEncodable(message: ControlMessage): void {
  try {
    encodeControlMessage(message);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new MoqError("path_invalid", text, { scope: "subscription", cause });
  }
}
