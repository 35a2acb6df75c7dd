import { readFileSync } from "node:fs";
import { isCloudflare, type TlsTrust } from "@moq-bridge/transport";
import { reasonOf } from "./token-source.js";
import { UsageError } from "./usage-error.js";

/** One side's TLS flags. */
export interface TrustFlags {
  readonly side: "relay" | "cloudflare";
  readonly url: URL;
  readonly caFile: string | undefined;
  readonly fingerprints: readonly string[];
  readonly insecure: boolean | undefined;
  /** `--tls-disable-verify`. */
  readonly insecureBoth: boolean;
}

/**
 * Whom to trust on one side.
 *
 * @throws {UsageError}
 */
export function readTrust(flags: TrustFlags): TlsTrust {
  const { side, url, caFile, fingerprints, insecure = false, insecureBoth } = flags;
  const given = [
    caFile === undefined ? undefined : `--${side}-tls-ca`,
    fingerprints.length === 0 ? undefined : `--${side}-tls-fingerprint`,
    insecure ? `--${side}-tls-insecure` : undefined,
    insecureBoth ? "--tls-disable-verify" : undefined,
  ].filter((flag) => flag !== undefined);
  const contradictory = insecure ? given.filter((flag) => flag !== "--tls-disable-verify") : given;
  if (contradictory.length > 1) throw new UsageError(`give one of ${contradictory.join(" and ")}`);
  if (url.protocol === "ws:" && contradictory.length > 0 && !insecureBoth) {
    throw new UsageError(`${given[0]} needs an https:// or wss:// --${side}-url`);
  }
  if (insecure || insecureBoth) {
    if (isCloudflare(url.hostname)) {
      throw new UsageError(`${given[0]} is refused for ${url.host}; leave it out`);
    }
    return { insecure: true };
  }
  if (caFile !== undefined) return { ca: readAuthorities(`--${side}-tls-ca`, caFile) };
  if (fingerprints.length > 0) {
    return { fingerprints: fingerprints.map((text) => readFingerprint(side, text)) };
  }
  return {};
}

function readAuthorities(flag: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${flag}: cannot read ${file}: ${reasonOf(error)}`);
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new UsageError(`${flag}: ${file} holds no PEM certificate`);
  }
  return text;
}

function readFingerprint(side: string, text: string): string {
  const hex = text.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    throw new UsageError(`--${side}-tls-fingerprint must be a SHA-256 in 64 hex digits`);
  }
  return hex;
}
