// Packs every public package, and the addon built here as the package of this platform, into a folder
// (default test-output/packages). Everything must be built.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeNativePackage } from "./native-package.mjs";
import { publicPackages, root } from "./packages.mjs";

const destination = resolve(process.argv[2] ?? join(root, "test-output", "packages"));
rmSync(destination, { recursive: true, force: true });
mkdirSync(destination, { recursive: true });

const native = writeNativePackage();
const folders = [...publicPackages().map(({ folder }) => folder), ...(native ? [native] : [])];
for (const folder of folders) {
  const { status, stdout, stderr } = spawnSync(
    "npx",
    ["-y", "pnpm@10.34.9", "pack", "--pack-destination", destination],
    { cwd: folder, encoding: "utf8" },
  );
  if (status !== 0) {
    console.error(`${folder} cannot be packed:\n${stdout}${stderr}`);
    process.exit(1);
  }
}
for (const file of readdirSync(destination)) console.log(join(destination, file));
