import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import type { MoqError } from "@moq-bridge/runtime";
import { type ConnectPhase, connectError, fromNodeError } from "../connect-error.js";
import type { TlsTrust } from "../transport.js";

const SHA256_HEX = /^[0-9a-f]{64}$/;

/** Where a {@link TlsConnector} connects to, as `https.request` and `ws` pass it. */
export interface TlsTarget extends ConnectionOptions {
  readonly host?: string;
  readonly port?: number;
}

/**
 * A `createConnection` for `https.request` and for `ws`: nothing of the
 * request, so no token either, leaves before the server is trusted.
 */
export type TlsConnector = (
  target: TlsTarget,
  callback: (error: MoqError | null, socket?: TLSSocket) => void,
) => undefined;

/**
 * Connects by TLS to servers that `trust` admits.
 *
 * - nothing given: the chain up to the system's roots, and the host name
 * - `ca`: the chain up to these, and the host name
 * - `fingerprints`: the SHA-256 of the server's own certificate is listed; chain
 *   and name are then checked only when `ca` is given as well
 * - `insecure`: any certificate, or any listed one where `fingerprints` are given
 *
 * The callback gets `connect_tls`, `connect_refused`, `connect_unanswered` or
 * `connect_aborted`.
 *
 * @param signal gives the attempt up, also before the TCP connection stands
 * @throws {MoqError} `connect_tls` when `ca` or a fingerprint cannot be read
 */
export function tlsConnector(trust: TlsTrust = {}, signal?: AbortSignal): TlsConnector {
  const pinned = trust.fingerprints?.map(normalizeFingerprint);
  const ca = trust.ca === undefined ? undefined : readableCertificates(trust.ca);
  const verifiesChain = !trust.insecure && (pinned === undefined || ca !== undefined);

  return (target, callback) => {
    const host = target.host ?? "localhost";
    const authority = `${host}:${target.port ?? 443}`;
    const socket = connect({
      ...target,
      path: undefined,
      host,
      servername: isIP(host) ? "" : host,
      rejectUnauthorized: verifiesChain,
      ...(ca === undefined ? {} : { ca }),
    });
    let phase: ConnectPhase = "tcp";
    let settled = false;

    const settle = (error: MoqError | null) => {
      if (settled) return;
      settled = true;
      signal?.removeEventListener("abort", onAbort);
      if (error === null) {
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(error);
    };
    const onError = (error: Error) => settle(fromNodeError(error, phase, authority));
    const onAbort = () => settle(connectError("connect_aborted", "connecting was given up"));

    socket.once("connect", () => {
      phase = "tls";
    });
    // Not in checkServerIdentity: Node skips that for self-signed certificates and resumed sessions.
    socket.once("secureConnect", () =>
      settle(pinned ? fingerprintError(socket, pinned, authority) : null),
    );
    // It stays: between here and the request's own listener an error must not end the process.
    socket.on("error", onError);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  };
}

/**
 * A SHA-256 fingerprint as 64 lower-case hex digits, without colons.
 *
 * @throws {MoqError} `connect_tls` when it is none
 */
export function normalizeFingerprint(fingerprint: string): string {
  const hex = fingerprint.replaceAll(":", "").trim().toLowerCase();
  if (!SHA256_HEX.test(hex)) {
    throw connectError("connect_tls", "a certificate fingerprint is 64 hex digits (SHA-256)");
  }
  return hex;
}

function fingerprintError(
  socket: TLSSocket,
  pinned: readonly string[],
  authority: string,
): MoqError | null {
  const certificate = socket.getPeerX509Certificate();
  const actual = certificate ? normalizeFingerprint(certificate.fingerprint256) : "none";
  if (pinned.includes(actual)) return null;
  return connectError(
    "connect_tls",
    `the certificate of ${authority} has the fingerprint ${actual}, which is not among those to trust`,
  );
}

/** Node ignores what it cannot read in a `ca`, and would then trust nobody without saying why. */
function readableCertificates(pem: string): string {
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw connectError("connect_tls", "the certificate authorities are not readable PEM", {
      cause,
    });
  }
  return pem;
}
