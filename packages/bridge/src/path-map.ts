import type { Path } from "@moq-bridge/origin";
import { MoqError } from "@moq-bridge/runtime";
import { neverCrosses, PathPolicy, type Refusal } from "./path-policy.js";

/** What is carried in one direction, and as what. */
export interface MapOptions {
  /** Patterns of paths to carry, see {@link PathPolicy}; none means all. */
  readonly allow?: readonly string[];
  /** Patterns of paths not to carry. */
  readonly deny?: readonly string[];
  /** Only paths below this one are carried, without it. */
  readonly strip?: Path | undefined;
  /** What is carried is shown below this path. */
  readonly add?: Path | undefined;
}

/** A path's name on the other side, or why it has none. */
export type Mapped = { readonly path: Path } | { readonly refusal: Refusal };

/**
 * Names in one direction. No two paths have one name on the other side, since
 * what is not below the stripped prefix is refused, so {@link inverse} is exact.
 */
export class PathMap {
  readonly #policies: readonly PathPolicy[];
  readonly #strip: string;
  readonly #add: string;

  /**
   * @param first whose prefixes count
   * @param further these, too, must let a path pass
   * @throws {MoqError} `path_invalid` for a prefix that never crosses
   */
  constructor(first: MapOptions, ...further: readonly MapOptions[]) {
    this.#policies = [first, ...further].map(
      ({ allow = [], deny = [] }) => new PathPolicy(allow, deny),
    );
    this.#strip = withSlash(first.strip);
    this.#add = withSlash(first.add);
  }

  /** The name on the other side; patterns are matched against `path`, not against that name. */
  map(path: Path): Mapped {
    for (const policy of this.#policies) {
      const refusal = policy.refusal(path);
      if (refusal) return { refusal };
    }
    if (!path.startsWith(this.#strip)) return { refusal: "outside_prefix" };
    const mapped = this.#add + path.slice(this.#strip.length);
    const refusal = neverCrosses(mapped);
    return refusal ? { refusal } : { path: mapped };
  }

  /** The path that has this name on the other side, if there can be one. */
  inverse(name: Path): Path | undefined {
    if (!name.startsWith(this.#add)) return undefined;
    const path = this.#strip + name.slice(this.#add.length);
    const mapped = this.map(path);
    return "path" in mapped ? path : undefined;
  }
}

function withSlash(prefix: Path | undefined): string {
  if (prefix === undefined) return "";
  const refusal = neverCrosses(prefix);
  if (!refusal) return `${prefix}/`;
  throw new MoqError("path_invalid", `${prefix} cannot be a prefix: ${refusal}`, {
    scope: "process",
  });
}
