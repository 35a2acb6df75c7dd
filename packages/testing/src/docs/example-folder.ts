import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { packageNames, ROOT } from "./code-blocks.js";

/** What examples import beside our packages, and which package of ours has it installed. */
const OTHERS = {
  jose: "registry",
  "@peculiar/x509": "testing",
  "reflect-metadata": "testing",
};

/** A folder outside the repository, in which our packages are installed as npm would: what they publish, by name. */
export class ExampleFolder {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), "moq-bridge-docs-"));
    const modules = join(this.path, "node_modules");
    mkdirSync(join(modules, "@moq-bridge"), { recursive: true });
    mkdirSync(join(modules, "@peculiar"));
    mkdirSync(join(modules, ".bin"));
    writeFileSync(join(this.path, "package.json"), '{ "private": true, "type": "module" }');
    for (const folder of packageNames()) {
      const path = join(ROOT, "packages", folder);
      const { name, bin } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
      symlinkSync(path, join(modules, name));
      for (const [command, file] of Object.entries<string>(bin ?? {})) {
        symlinkSync(join(path, file), join(modules, ".bin", command));
      }
    }
    for (const [name, owner] of Object.entries(OTHERS)) {
      symlinkSync(join(ROOT, "packages", owner, "node_modules", name), join(modules, name));
    }
  }

  /** For PATH: `moq-bridge`, and the Node.js that runs the tests with its npm and npx. */
  get commands(): string[] {
    return [join(this.path, "node_modules", ".bin"), dirname(process.execPath)];
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Where the types of Node.js are. */
export function nodeTypes(): string {
  return dirname(
    dirname(createRequire(join(ROOT, "package.json")).resolve("@types/node/package.json")),
  );
}
