// The npm package of the addon for one platform, made of an addon that build.mjs built.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { publicPackages, root } from "./packages.mjs";

const source = join(root, "packages", "transport-native");

/** Platforms that a release builds for, as src/load.ts names them. */
export const PLATFORMS = [
  "linux-x64-gnu",
  "linux-arm64-gnu",
  "linux-x64-musl",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
  "win32-x64-msvc",
];

/** Writes the package of each addon that is there; gives the folder of the first. */
export function writeNativePackage() {
  return PLATFORMS.map(writeFor).find((folder) => folder !== undefined);
}

function writeFor(platform) {
  const addon = join(source, `${platform}.node`);
  if (!existsSync(addon)) return undefined;
  const { version, license, repository } = readManifest(source);
  const [os, cpu, abi] = platform.split("-");
  const folder = join(root, "test-output", "native", platform);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  copyFileSync(addon, join(folder, "transport.node"));
  for (const file of ["LICENSE-MIT", "LICENSE-APACHE"]) {
    copyFileSync(join(root, file), join(folder, file));
  }
  const manifest = {
    name: `@moq-bridge/transport-native-${platform}`,
    version,
    description: `The QUIC/WebTransport addon of moq-bridge for ${platform}`,
    license,
    ...(repository ? { repository } : {}),
    main: "transport.node",
    files: ["transport.node", "LICENSE-MIT", "LICENSE-APACHE"],
    os: [os],
    cpu: [cpu],
    ...(os === "linux" ? { libc: [abi === "musl" ? "musl" : "glibc"] } : {}),
    engines: { node: ">=20.19" },
  };
  writeManifest(folder, manifest);
  return folder;
}

/**
 * What only a release needs in the manifests: the repository, which npm's provenance is checked
 * against, and the packages of all platforms, which must exist by then.
 */
export function releaseManifest(manifest, directory, repository) {
  const { version } = manifest;
  const platforms = PLATFORMS.map((each) => [`@moq-bridge/transport-native-${each}`, version]);
  return {
    ...manifest,
    repository: { type: "git", url: `git+https://github.com/${repository}.git`, directory },
    ...(manifest.name === "@moq-bridge/transport-native"
      ? { optionalDependencies: Object.fromEntries(platforms) }
      : {}),
  };
}

function prepareRelease(repository) {
  if (!repository) throw new Error("GITHUB_REPOSITORY is not set: OWNER/NAME of the repository");
  for (const { folder, manifest } of publicPackages()) {
    const directory = relative(root, folder).replaceAll("\\", "/");
    writeManifest(folder, releaseManifest(manifest, directory, repository));
  }
}

function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function writeManifest(folder, manifest) {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  if (process.argv[2] === "prepare-release") prepareRelease(process.env.GITHUB_REPOSITORY);
  else console.log(writeNativePackage() ?? "no addon is built here");
}
