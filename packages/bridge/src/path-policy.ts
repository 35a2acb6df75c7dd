import type { Path } from "@moq-bridge/origin";

/**
 * Why a path does not cross: what it looks like; `allow` and `deny`;
 * `outside_prefix` (not below the prefix that is stripped); `own_prefix`
 * (listed below the prefix that the bridge announces as its own).
 */
export type Refusal =
  | "empty_path"
  | "empty_segment"
  | "dot_segment"
  | "internal"
  | "control_character"
  | "too_many_parts"
  | "too_long"
  | "not_allowed"
  | "denied"
  | "outside_prefix"
  | "own_prefix";

/** Most parts of a path that crosses: the limit of moq-relay and of a draft-14 namespace. */
export const MAX_PATH_PARTS = 32;
/** Most UTF-8 bytes of a path that crosses. */
export const MAX_PATH_BYTES = 1024;

const utf8 = new TextEncoder();
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the point
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Which paths cross the bridge. Some never do, whatever is configured: a relay
 * of December 2025 dials hosts named below `internal/` with its cluster token.
 */
export class PathPolicy {
  readonly #allow: readonly RegExp[];
  readonly #deny: readonly RegExp[];

  /**
   * @param allow patterns of paths to carry; none means every path
   * @param deny patterns of paths not to carry, stronger than `allow`
   *
   * In a pattern `*` stands for one segment or a part of it, `**` for any number of segments.
   */
  constructor(allow: readonly string[], deny: readonly string[]) {
    this.#allow = allow.map(patternToRegExp);
    this.#deny = deny.map(patternToRegExp);
  }

  /** Why `path` must not cross, or `undefined` when it may. */
  refusal(path: Path): Refusal | undefined {
    const never = neverCrosses(path);
    if (never) return never;
    if (this.#deny.some((pattern) => pattern.test(path))) return "denied";
    if (this.#allow.length > 0 && !this.#allow.some((pattern) => pattern.test(path))) {
      return "not_allowed";
    }
    return undefined;
  }
}

/** Why `path` crosses under no settings, or `undefined`. */
export function neverCrosses(path: Path): Refusal | undefined {
  if (path === "") return "empty_path";
  if (CONTROL.test(path)) return "control_character";
  if (utf8.encode(path).byteLength > MAX_PATH_BYTES) return "too_long";
  const parts = path.split("/");
  if (parts.length > MAX_PATH_PARTS) return "too_many_parts";
  if (parts.includes("")) return "empty_segment";
  if (parts.some((part) => part.startsWith("."))) return "dot_segment";
  if (parts[0] === "internal") return "internal";
  return undefined;
}

function patternToRegExp(pattern: string): RegExp {
  const source = pattern
    .split("/")
    .map((segment) =>
      segment === "**"
        ? "**"
        : segment
            .split("*")
            .map((text) => text.replace(/[\\^$.+?()[\]{}|]/g, "\\$&"))
            .join("[^/]*"),
    )
    .join("/")
    // "**" takes its slash along, so that "a/**" also stands for "a" itself.
    .replace(/\/\*\*$/, "(/.*)?")
    .replace(/\/\*\*\//g, "/(.*/)?")
    .replace(/^\*\*\//, "(.*/)?")
    .replace(/^\*\*$/, ".*");
  return new RegExp(`^${source}$`, "u");
}
