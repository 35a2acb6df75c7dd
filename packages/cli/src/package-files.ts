import { readFileSync } from "node:fs";

/**
 * A file of this package, by its path from the package's root. The bundle puts
 * this module into `dist/`, which lies as deep as `src/`.
 */
export function packageFile(path: string): URL {
  return new URL(`../${path}`, import.meta.url);
}

/** The text of a file of this package. */
export function readPackageFile(path: string): string {
  return readFileSync(packageFile(path), "utf8");
}
