// The packages that are published, in an order in which each follows what it depends on.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** Folder and package.json of every public package. */
export function publicPackages() {
  return readdirSync(join(root, "packages"))
    .map((name) => {
      const folder = join(root, "packages", name);
      return { folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) };
    })
    .filter(({ manifest }) => !manifest.private);
}
