import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { packageFile } from "../../package-files.js";

/** A file as it is served. */
export interface ServedFile {
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

/**
 * The pages that packages/web was built to, by the paths they are served at.
 *
 * @throws {Error} one line, where they were not built
 */
export function readBuiltPage(): ReadonlyMap<string, ServedFile> {
  const folder = packageFile("web/");
  if (!existsSync(new URL("demo.html", folder))) {
    throw new Error("--web: the page is not built; npm run build does it");
  }
  const names = readdirSync(fileURLToPath(folder), { recursive: true }).map(String);
  const files = names.filter((name) => statSync(new URL(name, folder)).isFile());
  return new Map(
    files.map((name) => [
      `/${name.replaceAll("\\", "/")}`,
      {
        type: TYPES[extname(name)] ?? "application/octet-stream",
        body: new Uint8Array(readFileSync(new URL(name, folder))),
      },
    ]),
  );
}
