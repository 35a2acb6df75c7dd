import { MoqError, quotable } from "@moq-bridge/runtime";
import type { CloseInfo } from "./transport.js";

/** The error of a stream abandoned by its sender; `code` is the RESET_STREAM code. */
export function streamReset(code: number): MoqError {
  return new MoqError("stream_reset", `the stream was reset with code ${code}`, {
    scope: "stream",
    wireCode: code,
  });
}

/** The error of a stream its receiver no longer wants; `code` is the STOP_SENDING code. */
export function streamStopped(code: number): MoqError {
  return new MoqError("stream_stopped", `the stream was stopped with code ${code}`, {
    scope: "stream",
    wireCode: code,
  });
}

/** The error of everything that was under way when its session ended. */
export function sessionClosed(info: CloseInfo): MoqError {
  const by = { local: "by us", peer: "by the peer", transport: "as the connection was lost" };
  const code = info.code === undefined ? "" : ` with code ${info.code}`;
  const reason = info.reason === "" ? "" : `: ${quotable(info.reason)}`;
  return new MoqError("session_closed", `the session ended ${by[info.by]}${code}${reason}`, {
    scope: "session",
    ...(info.code === undefined ? {} : { wireCode: info.code }),
  });
}

/** The error of a call the interface forbids, for example two reads at once: a bug in the caller. */
export function transportMisuse(message: string): MoqError {
  return new MoqError("transport_misuse", message, { scope: "stream" });
}
