import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CacheLayout } from "./cache.js";
import { runStep } from "./run-step.js";
import type { Installation } from "./stamp.js";
import { SECOND_NODE } from "./table.js";

const PACKAGE = `node-${process.platform}-${process.arch}`;

/** The executable of {@link SECOND_NODE}. */
export function secondNodeExecutable(layout: CacheLayout): string {
  return join(layout.node, "node_modules", PACKAGE, "bin", "node");
}

/** How to get the second Node.js from npm, beside the one that runs this. */
export function secondNodeInstallation(layout: CacheLayout): Installation {
  const executable = secondNodeExecutable(layout);
  return {
    name: "node",
    specification: { package: PACKAGE, ...SECOND_NODE },
    executable,
    install: async () => {
      await rm(layout.node, { recursive: true, force: true });
      await mkdir(layout.node, { recursive: true });
      await runStep("npm", [
        "install",
        "--prefix",
        layout.node,
        "--no-save",
        "--no-package-lock",
        `${PACKAGE}@${SECOND_NODE.version}`,
      ]);
      await runStep(executable, ["--version"]);
    },
  };
}
