import { hasPathPrefix, isValidPath, type Path } from "@moq-bridge/origin";
import { MoqError, type Runtime } from "@moq-bridge/runtime";
import { type Claims, type TokenKey, verifyToken, withoutSlashes } from "./token.js";

/** What a session may do. Its paths on the wire are relative to `root`. */
export interface Admission {
  readonly root: Path;
  /** Prefixes under `root` it may publish in. */
  readonly put: readonly Path[];
  /** Prefixes under `root` it may subscribe in. */
  readonly get: readonly Path[];
  readonly cluster: boolean;
  /** When it is over, in milliseconds since the Unix epoch. */
  readonly endsAt: number | undefined;
}

/**
 * Admits a session by the path and query it connected with. Without a key
 * everybody may do everything below the path asked for, as an ordinary session.
 *
 * @throws {MoqError} `token_missing`, `token_invalid`, `token_expired`, `path_forbidden`
 */
export async function admit(
  target: string,
  options: { readonly key: TokenKey | undefined; readonly runtime: Runtime },
): Promise<Admission> {
  const url = new URL(target, "ws://relay");
  const path = withoutSlashes(decodePath(url.pathname));
  if (!isValidPath(path)) throw refused("path_forbidden", "the path is not one of a broadcast");
  if (!options.key) return { root: path, put: [""], get: [""], cluster: false, endsAt: undefined };
  const token = url.searchParams.get("jwt");
  if (!token) throw refused("token_missing", "a token is needed: connect with ?jwt=");
  return grant(path, await verifyToken(options.key, token, options.runtime));
}

/** The path must be `root` or lie below it; grants survive as far as they lie below the path, too. */
function grant(path: Path, claims: Claims): Admission {
  const { root, cluster, exp } = claims;
  if (!hasPathPrefix(path, root))
    throw refused("path_forbidden", "the path is outside the token's");
  const suffix = withoutSlashes(path.slice(root.length));
  const below = (prefixes: readonly string[]) =>
    prefixes
      .filter((prefix) => prefix === "" || hasPathPrefix(prefix, suffix))
      .map((prefix) => withoutSlashes(prefix.slice(suffix.length)));
  return {
    root: path,
    put: below(claims.put),
    get: below(claims.get),
    cluster,
    endsAt: exp === undefined ? undefined : exp * 1000,
  };
}

function decodePath(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw refused("path_forbidden", "the path is not valid UTF-8");
  }
}

function refused(code: string, message: string): MoqError {
  return new MoqError(code, message, { scope: "session" });
}
