// Run by `prepack` in a package's folder: puts the licences beside what is packed.
import { copyFileSync } from "node:fs";
import { root } from "./packages.mjs";

for (const file of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(`${root}/${file}`, file);
