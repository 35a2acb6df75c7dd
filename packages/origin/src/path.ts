import { MoqError } from "@moq-bridge/runtime";
import type { Path } from "./model.js";

/** Most segments a path may have: what a draft-14 namespace tuple and the moq-lite relays accept. */
export const MAX_PATH_PARTS = 32;

/** Most bytes a path may have, in UTF-8. */
export const MAX_PATH_BYTES = 1024;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
/** Half of a surrogate pair has no UTF-8 form, so two such names would become one on the wire. */
const LONE_SURROGATE = /\p{Cs}/u;

const utf8 = new TextEncoder();

/** Why `path` cannot name a broadcast, or `undefined` if it can. */
export function pathProblem(path: string): string | undefined {
  if (path === "") return undefined;
  if (path.length > MAX_PATH_BYTES || utf8.encode(path).byteLength > MAX_PATH_BYTES) {
    return `longer than ${MAX_PATH_BYTES} bytes`;
  }
  if (CONTROL.test(path)) return "a control character";
  if (LONE_SURROGATE.test(path)) return "text that is not valid Unicode";
  const parts = path.split("/");
  if (parts.length > MAX_PATH_PARTS) return `more than ${MAX_PATH_PARTS} segments`;
  for (const part of parts) {
    if (part === "") return "an empty segment";
    if (part === "." || part === "..") return "a segment that is . or ..";
  }
  return undefined;
}

/**
 * Whether `path` may name a broadcast: no empty segment, no `.` or `..`, no
 * control characters, at most {@link MAX_PATH_PARTS} segments and
 * {@link MAX_PATH_BYTES} bytes. The empty path, the root, is valid.
 */
export function isValidPath(path: string): path is Path {
  return pathProblem(path) === undefined;
}

/**
 * The segments of a valid path; none for the root.
 *
 * @throws {MoqError} `path_invalid`
 */
export function parsePath(path: string): string[] {
  const problem = pathProblem(path);
  if (problem !== undefined) {
    throw new MoqError("path_invalid", `the path has ${problem}`, { scope: "subscription" });
  }
  return path === "" ? [] : path.split("/");
}

/**
 * A path of `segments`.
 *
 * @throws {MoqError} `path_invalid`, also when a segment holds a `/`
 */
export function joinPath(segments: readonly string[]): Path {
  const path = segments.join("/");
  const parsed = parsePath(path);
  if (parsed.length !== segments.length) {
    throw new MoqError("path_invalid", "the path has a segment that is empty or holds a slash", {
      scope: "subscription",
    });
  }
  return path;
}

/** Whether `path` is `prefix` or lies below it; `a/b` has the prefix `a`, `ab` has not. */
export function hasPathPrefix(path: Path, prefix: Path): boolean {
  if (prefix === "") return true;
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/");
}
