import {
  type ControlMessage,
  type ControlMessageType,
  REQUEST_ERROR,
  type UnsupportedMessage,
} from "@moq-bridge/moq-wire/ietf14";
import { MoqError } from "@moq-bridge/runtime";

const ERRORS = {
  subscribe: "subscribe_error",
  track_status: "track_status_error",
  fetch: "fetch_error",
  publish: "publish_error",
  publish_namespace: "publish_namespace_error",
  subscribe_namespace: "subscribe_namespace_error",
} as const;

/** What a request of ours ends with when the peer's word on it cannot be represented. */
export function unsupportedAnswer({ messageType, error }: UnsupportedMessage): MoqError {
  const message = `${messageType.toUpperCase()} has ${error.field} above 2^53 - 1`;
  return new MoqError("wire_unsupported", message, { scope: "subscription", cause: error });
}

/** The refusal of a request that is legal but cannot be represented; `undefined` when none is due. */
export function refuseUnsupported(
  type: ControlMessageType,
  requestId: number,
): ControlMessage | undefined {
  if (!(type in ERRORS)) return undefined;
  return {
    type: ERRORS[type as keyof typeof ERRORS],
    requestId,
    errorCode: REQUEST_ERROR.notSupported,
    errorReason:
      "numbers above 2^53 - 1 and names that are too long or not UTF-8 are not supported",
  };
}
