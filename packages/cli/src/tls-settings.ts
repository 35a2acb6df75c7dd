import { readFileSync } from "node:fs";
import { isCloudflare, type TlsTrust } from "@moq-bridge/transport";
import { reasonOf } from "./token-source.js";
import { UsageError } from "./usage-error.js";

/** One side's TLS flags. */
export interface TrustFlags {
  /** What the flags begin with: `--relay-tls`. */
  readonly flagPrefix: string;
  /** What the URL's own flag is called: `--relay-url`. */
  readonly urlName: string;
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
  const { flagPrefix, urlName, url, caFile, fingerprints, insecure = false, insecureBoth } = flags;
  const given = [
    caFile === undefined ? undefined : `${flagPrefix}-ca`,
    fingerprints.length === 0 ? undefined : `${flagPrefix}-fingerprint`,
    insecure ? `${flagPrefix}-insecure` : undefined,
    insecureBoth ? "--tls-disable-verify" : undefined,
  ].filter((flag) => flag !== undefined);
  const contradictory = insecure ? given.filter((flag) => flag !== "--tls-disable-verify") : given;
  if (contradictory.length > 1) throw new UsageError(`give one of ${contradictory.join(" and ")}`);
  if (url.protocol === "ws:" && contradictory.length > 0 && !insecureBoth) {
    throw new UsageError(`${given[0]} needs an https:// or wss:// ${urlName}`);
  }
  if (insecure || insecureBoth) {
    if (isCloudflare(url.hostname)) {
      throw new UsageError(`${given[0]} is refused for ${url.host}; leave it out`);
    }
    return { insecure: true };
  }
  if (caFile !== undefined) return { ca: readAuthorities(`${flagPrefix}-ca`, caFile) };
  if (fingerprints.length > 0) {
    return { fingerprints: fingerprints.map((text) => readFingerprint(flagPrefix, text)) };
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

function readFingerprint(flagPrefix: string, text: string): string {
  const hex = text.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    throw new UsageError(`${flagPrefix}-fingerprint must be a SHA-256 in 64 hex digits`);
  }
  return hex;
}
