import type { TrackNamespace } from "@moq-bridge/moq-wire/ietf14";
import { MAX_NAMESPACE_FIELDS } from "@moq-bridge/moq-wire/ietf14";
import type { Path } from "@moq-bridge/origin";
import { MoqError } from "@moq-bridge/runtime";

/** The path `a/b/c` as the namespace (a, b, c). @throws {MoqError} `path_invalid` when it has no such form */
export function toNamespace(path: Path): TrackNamespace {
  const fields = path.split("/");
  if (fields.length > MAX_NAMESPACE_FIELDS || fields.some((field) => field === "")) {
    throw new MoqError("path_invalid", "the path has no form as a track namespace", {
      scope: "subscription",
    });
  }
  return fields;
}

/** The namespace (a, b, c) as the path `a/b/c`; `undefined` when a field is empty or has a slash in it. */
export function toPath(namespace: TrackNamespace): Path | undefined {
  return namespace.some((field) => field === "" || field.includes("/"))
    ? undefined
    : namespace.join("/");
}

/** The path without its last part; empty when there is only one. */
export function parentPath(path: Path): Path {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** A key that no two namespaces share. */
export function namespaceKey(namespace: TrackNamespace): string {
  return JSON.stringify(namespace);
}

/** Whether the fields of `prefix` are the first of `namespace`. */
export function hasPrefix(namespace: TrackNamespace, prefix: TrackNamespace): boolean {
  return prefix.length <= namespace.length && prefix.every((field, i) => field === namespace[i]);
}
