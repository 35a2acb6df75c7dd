import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import { Problem } from "./problem.js";
import { dateOf } from "./timestamp.js";

/** What a token permits. */
export interface Permission {
  /** Who it was made for: the `sub` claim. */
  readonly subject: string;
  /** Paths below which it may write: the `prefixes` claim; an empty one means every path. */
  readonly prefixes: readonly string[];
}

/** How tokens are verified. */
export interface TokenOptions {
  /** For HS256, HS384 and HS512: at least 32 bytes. */
  readonly secret?: string | undefined;
  /** For ES256, ES384, ES512, EdDSA, RS256 and PS256: public keys. */
  readonly jwks?: JSONWebKeySet | undefined;
  /** The `iss` claim asked for. */
  readonly issuer?: string | undefined;
  /** The `aud` claim asked for. */
  readonly audience?: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

const MIN_SECRET_BYTES = 32;
const MAX_TOKEN_LENGTH = 8_192;
const MAX_SUBJECT_LENGTH = 256;
const MAX_PREFIXES = 100;
const SYMMETRIC = ["HS256", "HS384", "HS512"];
const ASYMMETRIC = ["ES256", "ES384", "ES512", "EdDSA", "Ed25519", "RS256", "PS256"];

/** Verifies the bearer tokens (JWT, RFC 6750) of requests. */
export class TokenVerifier {
  readonly #verify: (token: string, now: number) => Promise<JWTPayload>;
  readonly #now: () => number;

  /** @throws {Error} when not exactly one kind of key is given, or the secret is too short */
  constructor({ secret, jwks, issuer, audience, now }: TokenOptions) {
    if ((secret === undefined) === (jwks === undefined)) {
      throw new Error("give either a secret or public keys for verifying tokens");
    }
    const claims = {
      requiredClaims: ["sub", "exp"],
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    };
    this.#now = now;
    if (jwks) {
      const keys = createLocalJWKSet(jwks);
      this.#verify = async (token, time) =>
        (
          await jwtVerify(token, keys, {
            ...claims,
            algorithms: ASYMMETRIC,
            currentDate: dateOf(time),
          })
        ).payload;
    } else {
      const key = new TextEncoder().encode(secret);
      if (key.byteLength < MIN_SECRET_BYTES) {
        throw new Error(`the secret for verifying tokens is under ${MIN_SECRET_BYTES} bytes`);
      }
      this.#verify = async (token, time) =>
        (
          await jwtVerify(token, key, {
            ...claims,
            algorithms: SYMMETRIC,
            currentDate: dateOf(time),
          })
        ).payload;
    }
  }

  /**
   * What the request's token permits.
   *
   * @throws {Problem} `token_missing` or `token_invalid`
   */
  async permission(request: Request): Promise<Permission> {
    const header = request.headers.get("authorization");
    const token = header === null ? undefined : /^Bearer +([\w~+/.=-]+)$/i.exec(header)?.[1];
    if (token === undefined) {
      throw new Problem("token_missing", "send it as Authorization: Bearer <token>", {
        headers: { "www-authenticate": 'Bearer realm="registry"' },
      });
    }
    if (token.length > MAX_TOKEN_LENGTH) throw invalid("it is too long");
    let payload: JWTPayload;
    try {
      payload = await this.#verify(token, this.#now());
    } catch (error) {
      throw invalid(reasonOf(error));
    }
    const { sub, prefixes } = payload;
    if (typeof sub !== "string" || sub === "" || sub.length > MAX_SUBJECT_LENGTH) {
      throw invalid(`its subject is not a text of 1 to ${MAX_SUBJECT_LENGTH} characters`);
    }
    return { subject: sub, prefixes: readPrefixes(prefixes) };
  }
}

/** Whether a permission covers a path: prefixes end between two parts. */
export function permits({ prefixes }: Permission, path: string): boolean {
  return prefixes.some(
    (prefix) => prefix === "" || path === prefix || path.startsWith(`${prefix}/`),
  );
}

function readPrefixes(claim: unknown): string[] {
  if (claim === undefined) return [];
  const fits =
    Array.isArray(claim) &&
    claim.length <= MAX_PREFIXES &&
    claim.every((prefix) => typeof prefix === "string");
  if (!fits) throw invalid(`its prefixes are not a list of at most ${MAX_PREFIXES} texts`);
  return claim.map((prefix: string) => (prefix.endsWith("/") ? prefix.slice(0, -1) : prefix));
}

/** jose's messages name claims; signatures and contents of the token do not appear in them. */
function reasonOf(error: unknown): string {
  const code = (error as { readonly code?: unknown }).code;
  if (code === "ERR_JWT_EXPIRED") return "it has expired";
  if (code === "ERR_JWT_CLAIM_VALIDATION_FAILED") {
    return `its claim ${String((error as { readonly claim?: unknown }).claim)} does not fit`;
  }
  if (code === "ERR_JOSE_ALG_NOT_ALLOWED") return "it is signed with another algorithm";
  return "its signature cannot be verified";
}

function invalid(reason: string): Problem {
  return new Problem("token_invalid", reason, {
    headers: { "www-authenticate": 'Bearer realm="registry", error="invalid_token"' },
  });
}
