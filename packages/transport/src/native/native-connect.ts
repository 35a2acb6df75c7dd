import { type MoqError, quotable } from "@moq-bridge/runtime";
import { type ConnectErrorCode, connectError, untrusted } from "../connect-error.js";
import { normalizeFingerprint } from "../tls/node-tls.js";
import type { ConnectOptions, TlsTrust, TransportSession } from "../transport.js";
import { type ConnectWaiter, type NativeDriver, nativeDriver } from "./native-driver.js";
import { NativeSession } from "./native-session.js";
import { type NativeSessionOptions, transportSettings } from "./settings.js";

const FAILURES: readonly ConnectErrorCode[] = [
  "connect_refused",
  "connect_unanswered",
  "connect_tls",
  "connect_http",
];

/** {@link ConnectOptions} and limits on what the server may open. */
export interface NativeConnectOptions
  extends ConnectOptions,
    Pick<NativeSessionOptions, "maxUniStreams" | "maxBidiStreams"> {}

/**
 * Opens a WebTransport session over QUIC with the addon. All addresses of the
 * host are tried, each 250 ms after the one before. Implements `Connect`, with
 * `connect_url` for a URL that is not `https:`.
 */
export async function connectNative(
  url: string,
  options: NativeConnectOptions,
): Promise<TransportSession> {
  const target = parse(url);
  const driver = await nativeDriver();
  if (options.signal?.aborted) throw aborted();
  const id = driver.hub.connect({
    url: target.href,
    protocols: [...options.protocols],
    ...trustSettings(options.tls ?? {}),
    timeoutMs: options.timeoutMs,
    transport: transportSettings("client", options),
  });
  return outcome(driver, id, target.host, options.signal);
}

function parse(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (target?.protocol !== "https:") {
    throw connectError("connect_url", "WebTransport needs an https URL");
  }
  target.hash = "";
  return target;
}

/** As `tlsConnector` reads them: `insecure` and fingerprints without `ca` waive the chain. */
function trustSettings(tls: TlsTrust) {
  return {
    verifyChain: !tls.insecure && (tls.fingerprints === undefined || tls.ca !== undefined),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.fingerprints === undefined
      ? {}
      : { fingerprints: tls.fingerprints.map(normalizeFingerprint) }),
  };
}

function outcome(
  driver: NativeDriver,
  id: number,
  authority: string,
  signal: AbortSignal | undefined,
): Promise<TransportSession> {
  driver.retain();
  return new Promise((resolve, reject) => {
    const settle = () => {
      signal?.removeEventListener("abort", onAbort);
      driver.connects.delete(id);
      driver.release();
    };
    const waiter: ConnectWaiter = {
      connected(protocol) {
        const session = new NativeSession(driver, {
          id,
          side: "client",
          protocol,
          path: undefined,
        });
        settle();
        resolve(session);
      },
      failed(code, message, status) {
        settle();
        reject(failure({ code, message: quotable(message), status, authority }));
      },
    };
    const onAbort = () => {
      driver.connects.delete(id);
      // The outcome is on its way: a session nobody waits for is closed.
      if (!driver.hub.abortConnect(id)) driver.connects.set(id, unwanted(driver, id));
      signal?.removeEventListener("abort", onAbort);
      driver.release();
      reject(aborted());
    };
    driver.connects.set(id, waiter);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function unwanted(driver: NativeDriver, id: number): ConnectWaiter {
  return {
    connected() {
      driver.connects.delete(id);
      driver.hub.close(id, 0, "");
    },
    failed: () => driver.connects.delete(id),
  };
}

/** What the addon's libraries say of an untrusted certificate, and of silence. */
const UNTRUSTED = /invalid peer certificate: (.+)$/;
const SILENCE = "timed out";

function failure(failed: {
  readonly code: string;
  readonly message: string;
  readonly status: number | undefined;
  readonly authority: string;
}): MoqError {
  const { code, message, status, authority } = failed;
  const [, reason] = UNTRUSTED.exec(message) ?? [];
  if (reason !== undefined) return untrusted(authority, reason);
  const known = FAILURES.find((known) => known === code) ?? "connect_refused";
  const words = message === SILENCE ? "no answer over UDP" : message;
  const details = status === undefined ? {} : { wireCode: status };
  return connectError(known, `${authority}: ${words}`, details);
}

function aborted(): MoqError {
  return connectError("connect_aborted", "connecting was given up");
}
