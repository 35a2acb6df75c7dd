import { cp, readdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { CacheLayout } from "./cache.js";
import { runStep } from "./run-step.js";
import type { Installation } from "./stamp.js";
import { CARGO_PEERS, CARGO_PROFILE, type CargoPeer, type CargoPeerName } from "./table.js";

/** How to install a peer of the table with cargo. */
export function cargoInstallation(
  layout: CacheLayout,
  name: CargoPeerName,
  peer: CargoPeer,
): Installation {
  const { override, ...plain } = peer;
  return {
    name,
    specification: {
      ...plain,
      ...(override === undefined ? {} : { pinned: `${override.package}@${override.to}` }),
      profile: CARGO_PROFILE,
    },
    executable: cargoExecutable(layout, name, peer),
    install: () => install(layout, cargoRoot(layout, name, peer), peer),
  };
}

/** Where a peer of the table is installed. */
export function cargoExecutable(
  layout: CacheLayout,
  name: CargoPeerName,
  peer: CargoPeer = CARGO_PEERS[name],
): string {
  return join(cargoRoot(layout, name, peer), "bin", peer.executable ?? name);
}

/** Two versions of one crate cannot share a root. */
function cargoRoot(layout: CacheLayout, name: CargoPeerName, peer: CargoPeer): string {
  return peer.executable === undefined ? layout.peers : join(layout.peers, name);
}

async function install(layout: CacheLayout, root: string, peer: CargoPeer): Promise<void> {
  const features =
    peer.features === undefined
      ? []
      : ["--no-default-features", "--features", peer.features.join(",")];
  const source =
    peer.override === undefined
      ? [`${peer.crate}@${peer.version}`]
      : ["--path", await overriddenSource(layout, peer)];
  await runStep(
    "cargo",
    ["install", "--locked", "--force", "--root", root, ...features, ...source],
    { env: { ...CARGO_PROFILE, CARGO_TARGET_DIR: layout.cargoTarget } },
  );
}

/**
 * Unpacks a crate and changes one line of its lock file. `cargo info` is the
 * shortest of cargo's commands that downloads and unpacks exactly one crate.
 */
async function overriddenSource(layout: CacheLayout, peer: CargoPeer): Promise<string> {
  const folder = `${peer.crate}-${peer.version}`;
  const target = join(layout.sources, folder);
  await runStep("cargo", ["info", "--quiet", `${peer.crate}@${peer.version}`], { cwd: "/" });
  await rm(target, { recursive: true, force: true });
  await cp(await unpackedCrate(folder), target, { recursive: true });
  if (peer.override !== undefined) {
    const { package: dependency, from, to, reason } = peer.override;
    process.stdout.write(`${folder}: ${dependency} ${from} -> ${to}: ${reason}\n`);
    await runStep("cargo", ["update", "-p", `${dependency}@${from}`, "--precise", to], {
      cwd: target,
    });
  }
  return target;
}

async function unpackedCrate(folder: string): Promise<string> {
  const { CARGO_HOME: cargoHome = join(homedir(), ".cargo") } = process.env;
  const root = join(cargoHome, "registry", "src");
  for (const registry of await readdir(root)) {
    const candidate = join(root, registry, folder);
    const files: string[] = await readdir(candidate).catch(() => []);
    if (files.includes("Cargo.lock")) return candidate;
  }
  throw new Error(`cargo did not unpack ${folder} below ${root}`);
}
