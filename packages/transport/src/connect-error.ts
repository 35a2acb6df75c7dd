import { MoqError, quotable } from "@moq-bridge/runtime";

/** The codes with which connecting fails; see `Connect` in transport.ts. */
export type ConnectErrorCode =
  | "connect_refused"
  | "connect_unanswered"
  | "connect_tls"
  | "connect_http"
  | "connect_aborted"
  | "connect_unsupported"
  | "connect_insecure"
  | "connect_url";

/** An error of connecting. `wireCode` is the HTTP status of `connect_http`. */
export function connectError(
  code: ConnectErrorCode,
  message: string,
  details: { readonly cause?: unknown; readonly wireCode?: number } = {},
): MoqError {
  return new MoqError(code, message, { scope: "session", ...details });
}

/** How far a TCP connection had come when it failed. */
export type ConnectPhase = "tcp" | "tls";

/**
 * What Node reports of a failed TCP or TLS connection as a {@link MoqError}:
 * `connect_refused`, `connect_unanswered` or `connect_tls`.
 */
export function fromNodeError(error: Error, phase: ConnectPhase, authority: string): MoqError {
  const nodeCode = "code" in error && typeof error.code === "string" ? error.code : "";
  if (phase === "tls") {
    if (UNTRUSTED.test(nodeCode)) return untrusted(authority, quotable(error.message), error);
    const reason = nodeCode === "ECONNRESET" ? "it ended the handshake" : tlsReason(error);
    return connectError("connect_tls", `no TLS with ${authority}: ${reason}`, { cause: error });
  }
  switch (nodeCode) {
    case "ECONNREFUSED":
    case "ECONNRESET":
      return connectError("connect_refused", `${authority} refused the connection`, {
        cause: error,
      });
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return connectError("connect_unanswered", `no address is known for ${authority}`, {
        cause: error,
      });
    default: {
      const reason = nodeCode === "" ? quotable(error.message) : nodeCode;
      return connectError("connect_unanswered", `${authority} gave no answer (${reason})`, {
        cause: error,
      });
    }
  }
}

/** How Node calls what is wrong with a certificate; everything else is wrong with TLS itself. */
const UNTRUSTED = /^(CERT_|DEPTH_ZERO_|ERR_TLS_CERT_|SELF_SIGNED_|UNABLE_TO_)/;

/** The server's certificate is not trusted; `reason` is the TLS library's. */
export function untrusted(authority: string, reason: string, cause?: unknown): MoqError {
  return connectError(
    "connect_tls",
    `${authority}: its certificate is not trusted (${reason}); if it is the right server, name its authority (CA) or its fingerprint`,
    cause === undefined ? {} : { cause },
  );
}

/** OpenSSL's errors have a plain `reason`; their message is for its developers. */
function tlsReason(error: Error): string {
  const plain = "reason" in error && typeof error.reason === "string" ? error.reason : "";
  return quotable(plain === "" ? error.message : plain);
}
