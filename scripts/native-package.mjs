// The npm package of the addon for one platform, made of an addon that build.mjs built.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./packages.mjs";

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
  const { version, license } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
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
    main: "transport.node",
    files: ["transport.node", "LICENSE-MIT", "LICENSE-APACHE"],
    os: [os],
    cpu: [cpu],
    ...(os === "linux" ? { libc: [abi === "musl" ? "musl" : "glibc"] } : {}),
    engines: { node: ">=20.19" },
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  return folder;
}

/** Lets transport-native depend on the packages of all platforms; done at a release only, they must exist by then. */
function listPlatforms() {
  const file = join(source, "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  manifest.optionalDependencies = Object.fromEntries(
    PLATFORMS.map((platform) => [`@moq-bridge/transport-native-${platform}`, manifest.version]),
  );
  writeFileSync(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  if (process.argv[2] === "list-platforms") listPlatforms();
  else console.log(writeNativePackage() ?? "no addon is built here");
}
