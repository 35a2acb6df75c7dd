import { accessSync, constants } from "node:fs";
import { cacheLayout } from "./cache.js";
import { cargoExecutable } from "./cargo-peer.js";
import { pythonExecutable } from "./python.js";
import { secondNodeExecutable } from "./second-node.js";
import type { CargoPeerName } from "./table.js";

/** Something installed by `npm run peers`. */
export type PeerExecutable = CargoPeerName | "python" | "node";

/**
 * The path of an installed peer.
 *
 * @throws {Error} when it is not installed: a missing peer fails a test, it never skips one
 */
export function peerExecutable(name: PeerExecutable): string {
  const layout = cacheLayout();
  const path =
    name === "python"
      ? pythonExecutable(layout)
      : name === "node"
        ? secondNodeExecutable(layout)
        : cargoExecutable(layout, name);
  try {
    accessSync(path, constants.X_OK);
  } catch {
    throw new Error(`${path} is missing: run \`npm run peers\``);
  }
  return path;
}
