import { MoqError, type Runtime } from "@moq-bridge/runtime";
import { CompactSign, compactVerify } from "jose";

/** What a token lets its session do, with the claims of moq-relay 0.10.0. */
export interface Claims {
  /** The path the grants are relative to. */
  readonly root: string;
  /** Prefixes under `root` to publish in; `""` is all of it. */
  readonly put: readonly string[];
  /** Prefixes under `root` to subscribe in. */
  readonly get: readonly string[];
  /** The session is another node of the cluster. */
  readonly cluster: boolean;
  /** Seconds since the Unix epoch. */
  readonly exp: number | undefined;
}

/** An HS256 key. */
export type TokenKey = Uint8Array;

/** Least bytes of an HS256 key (RFC 7518, section 3.2). */
const MIN_KEY_BYTES = 32;

/**
 * A key as moq-token writes it: a JWK of an HS256 secret, as JSON or as base64url of that.
 *
 * @throws {MoqError} `key_invalid`, without anything of the key
 */
export function parseTokenKey(text: string): TokenKey {
  const trimmed = text.trim();
  const json = trimmed.startsWith("{") ? trimmed : Buffer.from(trimmed, "base64url").toString();
  let jwk: unknown;
  try {
    jwk = JSON.parse(json);
  } catch {
    throw keyInvalid("it is no JSON web key");
  }
  const { k, alg } = isRecord(jwk) ? jwk : {};
  if (typeof k !== "string") throw keyInvalid('it has no "k"');
  if (alg !== undefined && alg !== "HS256") throw keyInvalid("it is not for HS256");
  const key = new Uint8Array(Buffer.from(k, "base64url"));
  if (key.byteLength < MIN_KEY_BYTES) throw keyInvalid(`it has under ${MIN_KEY_BYTES} bytes`);
  return key;
}

/** Signs a token, for demos and tests. */
export function signToken(key: TokenKey, claims: Partial<Claims>): Promise<string> {
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .sign(key);
}

/**
 * Verifies a token: signature (HS256 only), `exp`, and the types of its claims.
 *
 * @throws {MoqError} `token_invalid`, `token_expired`, without anything of the token
 */
export async function verifyToken(key: TokenKey, token: string, runtime: Runtime): Promise<Claims> {
  let payload: unknown;
  try {
    const verified = await compactVerify(token, key, { algorithms: ["HS256"] });
    payload = JSON.parse(new TextDecoder().decode(verified.payload));
  } catch {
    throw invalid("token_invalid", "the token is not one of this relay's");
  }
  const claims = readClaims(payload);
  if (claims.exp !== undefined && claims.exp * 1000 <= runtime.wallClock()) {
    throw invalid("token_expired", "the token has expired");
  }
  return claims;
}

function readClaims(payload: unknown): Claims {
  if (!isRecord(payload)) throw invalid("token_invalid", "the token holds no claims");
  const { root = "", cluster = false, exp, put: puts, get: gets } = payload;
  if (typeof root !== "string") throw invalid("token_invalid", "the claim root is not a text");
  if (typeof cluster !== "boolean") {
    throw invalid("token_invalid", "the claim cluster is neither true nor false");
  }
  if (exp !== undefined && typeof exp !== "number") {
    throw invalid("token_invalid", "the claim exp is not a number");
  }
  const put = readGrants(puts, "put");
  const get = readGrants(gets, "get");
  if (put.length + get.length === 0) {
    throw invalid("token_invalid", "the token grants nothing: it has neither put nor get");
  }
  return { root: withoutSlashes(root), put, get, cluster, exp };
}

function readGrants(value: unknown, name: string): string[] {
  if (value === undefined) return [];
  const list = Array.isArray(value) ? value : [value];
  return list.map((prefix) => {
    if (typeof prefix === "string") return withoutSlashes(prefix);
    throw invalid("token_invalid", `the claim ${name} is neither a text nor a list of texts`);
  });
}

/** A path without slashes at either end. */
export function withoutSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, "");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(code: string, message: string): MoqError {
  return new MoqError(code, message, { scope: "session" });
}

function keyInvalid(why: string): MoqError {
  return new MoqError("key_invalid", `the key cannot be used: ${why}`, { scope: "process" });
}
