import type { JSONWebKeySet } from "jose";
import type { RegistryServiceOptions } from "./service.js";
import { TokenVerifier } from "./tokens.js";

/** The Worker's variables and secrets. */
export interface RegistryVariables {
  /** `token` (the default) or `open`. */
  readonly REGISTRY_WRITING?: string;
  /** `open` (the default) or `token`. */
  readonly REGISTRY_READING?: string;
  /** A secret: the key of HS256 tokens. */
  readonly REGISTRY_JWT_SECRET?: string;
  /** A JSON Web Key Set with the public keys of other tokens. */
  readonly REGISTRY_JWT_JWKS?: string;
  readonly REGISTRY_JWT_ISSUER?: string;
  readonly REGISTRY_JWT_AUDIENCE?: string;
  /** Web origins of pages, separated by commas, or `*`. */
  readonly REGISTRY_PAGES?: string;
  /** 5 to 86,400. Default 60. */
  readonly REGISTRY_LEASE_SECONDS?: string;
}

const LEASE_SECONDS = { least: 5, most: 86_400, default: "60" };

/**
 * What the variables say.
 *
 * @throws {Error} one plain line that names the variable
 */
export function readVariables(
  variables: RegistryVariables,
  now: () => number,
): Pick<RegistryServiceOptions, "writing" | "reading" | "pages" | "leaseMs"> {
  const writing = readAccess("REGISTRY_WRITING", variables.REGISTRY_WRITING || "token");
  const reading = readAccess("REGISTRY_READING", variables.REGISTRY_READING || "open");
  const tokens =
    writing === "token" || reading === "token"
      ? new TokenVerifier({
          secret: variables.REGISTRY_JWT_SECRET || undefined,
          jwks: readJwks(variables.REGISTRY_JWT_JWKS || undefined),
          issuer: variables.REGISTRY_JWT_ISSUER || undefined,
          audience: variables.REGISTRY_JWT_AUDIENCE || undefined,
          now,
        })
      : undefined;
  return {
    writing: (writing === "token" && tokens) || "open",
    reading: (reading === "token" && tokens) || "open",
    pages: readPages(variables.REGISTRY_PAGES ?? ""),
    leaseMs: readLease(variables.REGISTRY_LEASE_SECONDS || LEASE_SECONDS.default),
  };
}

function readAccess(name: string, value: string): "token" | "open" {
  if (value === "token" || value === "open") return value;
  throw new Error(`${name} is "token" or "open"`);
}

function readJwks(text: string | undefined): JSONWebKeySet | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text);
    if (Array.isArray(value.keys)) return value;
  } catch {
    // Said below; the parser's own message would quote the text.
  }
  throw new Error('REGISTRY_JWT_JWKS is not JSON with a list "keys"');
}

function readPages(text: string): string[] {
  const pages = text
    .split(",")
    .map((page) => page.trim())
    .filter((page) => page !== "");
  for (const page of pages) {
    const isOrigin = page === "*" || (URL.canParse(page) && new URL(page).origin === page);
    if (!isOrigin) {
      throw new Error('REGISTRY_PAGES holds web origins like "https://app.example", or "*"');
    }
  }
  return pages;
}

function readLease(text: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : 0;
  if (seconds < LEASE_SECONDS.least || seconds > LEASE_SECONDS.most) {
    throw new Error(
      `REGISTRY_LEASE_SECONDS is ${LEASE_SECONDS.least} to ${LEASE_SECONDS.most} seconds`,
    );
  }
  return seconds * 1000;
}
