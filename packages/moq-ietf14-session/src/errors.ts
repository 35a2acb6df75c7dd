import {
  MAX_REASON_PHRASE,
  PUBLISH_DONE_STATUS,
  SUBSCRIBE_ERROR,
} from "@moq-bridge/moq-wire/ietf14";
import { MoqError, quotable } from "@moq-bridge/runtime";

/** The peer broke the protocol; the session ends with `wireCode`. */
export function peerViolation(message: string, wireCode: number, cause?: unknown): MoqError {
  return new MoqError("peer_violation", message, { scope: "session", wireCode, cause });
}

/** The peer answered a request with an error. */
export function requestRefused(what: string, wireCode: number, reason: string): MoqError {
  const text = `${what} was refused with ${wireCode}${reason ? `: ${quotable(reason)}` : ""}`;
  return new MoqError("request_refused", text, { scope: "subscription", wireCode });
}

/** The peer did not answer in time. */
export function requestTimeout(what: string, timeoutMs: number): MoqError {
  return new MoqError("request_timeout", `${what} was not answered within ${timeoutMs} ms`, {
    scope: "subscription",
  });
}

/** What everything that was under way ends with when its session does. */
export function sessionEnded(cause?: MoqError): MoqError {
  return new MoqError("session_closed", "the session has ended", { scope: "session", cause });
}

/** A call that the state or the peer's profile does not allow. */
export function misuse(code: string, message: string): MoqError {
  return new MoqError(code, message, { scope: "subscription" });
}

/** `text` cut to what a reason phrase may hold. */
export function reasonPhrase(text: string): string {
  let reason = text.slice(0, MAX_REASON_PHRASE);
  while (new TextEncoder().encode(reason).byteLength > MAX_REASON_PHRASE) {
    reason = reason.slice(0, -1);
  }
  return reason.replace(/\p{Surrogate}/gu, "");
}

const SUBSCRIBE_ERRORS: Readonly<Record<string, number>> = {
  track_not_found: SUBSCRIBE_ERROR.trackDoesNotExist,
  broadcast_not_found: SUBSCRIBE_ERROR.trackDoesNotExist,
  unauthorized: SUBSCRIBE_ERROR.unauthorized,
  request_timeout: SUBSCRIBE_ERROR.timeout,
};

/** The SUBSCRIBE_ERROR code for a track's refusal. */
export function subscribeErrorCode(error: MoqError): number {
  return SUBSCRIBE_ERRORS[error.code] ?? SUBSCRIBE_ERROR.internalError;
}

/** The PUBLISH_DONE status for a track that ended with an error. */
export function publishDoneStatus(error: MoqError): number {
  return error.code === "instance_replaced"
    ? PUBLISH_DONE_STATUS.trackEnded
    : PUBLISH_DONE_STATUS.internalError;
}
