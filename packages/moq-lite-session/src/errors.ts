import { WireError } from "@moq-bridge/moq-wire";
import { MoqError, toMoqError } from "@moq-bridge/runtime";
import { nameOfStreamCode, SESSION_CODE } from "./codes.js";

/** The peer broke the protocol: the session ends with code 3. */
export function violation(message: string, cause?: unknown): MoqError {
  return new MoqError("protocol_violation", message, {
    scope: "session",
    wireCode: SESSION_CODE.protocolViolation,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The peer did not do in time what the session cannot go on without: it ends with code 17. */
export function timedOut(message: string): MoqError {
  return new MoqError("session_timeout", message, {
    scope: "session",
    wireCode: SESSION_CODE.timeout,
  });
}

/** One subscription ended with an error. */
export function subscriptionError(code: string, message: string, wireCode?: number): MoqError {
  return new MoqError(code, message, {
    scope: "subscription",
    ...(wireCode === undefined ? {} : { wireCode }),
  });
}

/** What a stream's error means for the subscription it carried. */
export function subscriptionLost(error: MoqError): MoqError {
  if (error.code === "session_closed") return sourceLost(error);
  const code = nameOfStreamCode(error.wireCode, "lite_subscription_failed");
  return new MoqError(code, `the publisher ended the subscription: ${error.message}`, {
    scope: "subscription",
    cause: error,
    ...(error.wireCode === undefined ? {} : { wireCode: error.wireCode }),
  });
}

/** The session that delivered is gone. */
export function sourceLost(cause?: MoqError): MoqError {
  return new MoqError("source_lost", cause?.message ?? "the session ended", {
    scope: "subscription",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Any error of a control stream as the session's: bytes that do not decode are a violation. */
export function sessionError(thrown: unknown): MoqError {
  if (thrown instanceof WireError) return violation(thrown.message, thrown);
  return toMoqError(thrown, "internal_error", "session");
}

/** Whether it only says that the session has ended, which is reported elsewhere. */
export function isSessionClosed(thrown: unknown): boolean {
  return thrown instanceof MoqError && thrown.code === "session_closed";
}

/** Whether it is the peer's reset or stop of one stream. */
export function isStreamEnd(thrown: unknown): thrown is MoqError {
  return (
    thrown instanceof MoqError &&
    (thrown.code === "stream_reset" || thrown.code === "stream_stopped")
  );
}
