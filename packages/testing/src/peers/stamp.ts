import { access, constants, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CacheLayout } from "./cache.js";

/** Something installed, recognised by the specification it was installed from. */
export interface Installation {
  readonly name: string;
  /** Changes exactly when the installation must be made again. */
  readonly specification: object;
  /** What must exist and be executable. */
  readonly executable: string;
  install(): Promise<void>;
}

/** Installs what is missing or was installed from another specification. Returns whether it had to. */
export async function ensureInstalled(
  layout: CacheLayout,
  installation: Installation,
): Promise<boolean> {
  const stampFile = join(layout.stamps, `${installation.name}.json`);
  const wanted = JSON.stringify(installation.specification);
  const found = await readFile(stampFile, "utf8").catch(() => undefined);
  if (found === wanted && (await isExecutable(installation.executable))) return false;
  await rm(stampFile, { force: true });
  await installation.install();
  if (!(await isExecutable(installation.executable))) {
    throw new Error(`${installation.name}: ${installation.executable} is missing after install`);
  }
  await mkdir(layout.stamps, { recursive: true });
  await writeFile(stampFile, wanted);
  return true;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
