import { access, constants, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lock } from "proper-lockfile";
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

/** Its holder renews the lock more often; one that was killed is not waited for longer. */
const STALE_MS = 10_000;
const ASK_AGAIN_MS = 500;

/**
 * Installs what is missing or was installed from another specification. Processes
 * that share the cache do so one at a time. Returns whether this one had to.
 */
export async function ensureInstalled(
  layout: CacheLayout,
  installation: Installation,
): Promise<boolean> {
  if (await isInstalled(layout, installation)) return false;
  await mkdir(layout.stamps, { recursive: true });
  const unlock = await lock(layout.stamps, {
    stale: STALE_MS,
    retries: { forever: true, minTimeout: ASK_AGAIN_MS, maxTimeout: ASK_AGAIN_MS },
  });
  try {
    // Whoever had the lock may have installed it.
    if (await isInstalled(layout, installation)) return false;
    await install(layout, installation);
    return true;
  } finally {
    await unlock();
  }
}

async function isInstalled(layout: CacheLayout, installation: Installation): Promise<boolean> {
  const found = await readFile(stampFile(layout, installation), "utf8").catch(() => undefined);
  return (
    found === JSON.stringify(installation.specification) &&
    (await isExecutable(installation.executable))
  );
}

async function install(layout: CacheLayout, installation: Installation): Promise<void> {
  await rm(stampFile(layout, installation), { force: true });
  await installation.install();
  if (!(await isExecutable(installation.executable))) {
    throw new Error(`${installation.name}: ${installation.executable} is missing after install`);
  }
  await writeFile(stampFile(layout, installation), JSON.stringify(installation.specification));
}

function stampFile(layout: CacheLayout, { name }: Installation): string {
  return join(layout.stamps, `${name}.json`);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
