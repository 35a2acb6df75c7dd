import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where everything fetched or built for tests lives, outside the work tree:
 * `$MOQ_BRIDGE_CACHE`, else `$XDG_CACHE_HOME/moq-bridge`, else `~/.cache/moq-bridge`.
 */
export function cacheRoot(environment: NodeJS.ProcessEnv = process.env): string {
  const { MOQ_BRIDGE_CACHE: own, XDG_CACHE_HOME: xdg } = environment;
  if (own !== undefined && own !== "") return own;
  const base = xdg !== undefined && xdg !== "" ? xdg : join(homedir(), ".cache");
  return join(base, "moq-bridge");
}

/** The folders below {@link cacheRoot}. */
export interface CacheLayout {
  /** `cargo install --root`: executables are in its `bin`. */
  readonly peers: string;
  /** One file per installed peer, holding the specification it was installed from. */
  readonly stamps: string;
  /** Shared by all cargo builds, so that crates in common are compiled once. */
  readonly cargoTarget: string;
  /** Sources of crates that are built with an override. */
  readonly sources: string;
  /** The Python virtual environment. */
  readonly python: string;
  /** npm prefix of the second Node.js. */
  readonly node: string;
}

/** The layout of the cache at `root`. */
export function cacheLayout(root: string = cacheRoot()): CacheLayout {
  return {
    peers: join(root, "peers"),
    stamps: join(root, "peers", "stamps"),
    cargoTarget: join(root, "target"),
    sources: join(root, "src"),
    python: join(root, "python"),
    node: join(root, "node"),
  };
}
