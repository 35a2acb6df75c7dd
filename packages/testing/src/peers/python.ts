import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { CacheLayout } from "./cache.js";
import { runStep } from "./run-step.js";
import type { Installation } from "./stamp.js";
import { PYTHON_PEER } from "./table.js";

/** The interpreter that has {@link PYTHON_PEER}. */
export function pythonExecutable(layout: CacheLayout): string {
  return join(layout.python, "bin", "python");
}

/** How to make the virtual environment with moq-rs. */
export function pythonInstallation(layout: CacheLayout): Installation {
  const python = pythonExecutable(layout);
  return {
    name: "python",
    specification: PYTHON_PEER,
    executable: python,
    install: async () => {
      await rm(layout.python, { recursive: true, force: true });
      await runStep("python3", ["-m", "venv", layout.python]).catch((error: Error) => {
        throw new Error(`${error.message} (Debian: apt-get install python3-venv)`);
      });
      await runStep(python, [
        "-m",
        "pip",
        "install",
        "--quiet",
        `${PYTHON_PEER.package}==${PYTHON_PEER.version}`,
      ]);
      await runStep(python, ["-c", `import ${PYTHON_PEER.module}`]);
    },
  };
}
