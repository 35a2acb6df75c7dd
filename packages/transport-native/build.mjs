// Builds the addon with cargo and puts it next to this package, as <platform>-<arch>-<libc>.node.
import { spawnSync } from "node:child_process";
import { copyFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const cache = process.env.MOQ_BRIDGE_CACHE ?? join(homedir(), ".cache", "moq-bridge");
const target = join(cache, "native-target");

const cargo = spawnSync("cargo", ["build", "--release", "--locked"], {
  cwd: folder,
  env: { ...process.env, CARGO_TARGET_DIR: target },
  stdio: "inherit",
});
if (cargo.error?.code === "ENOENT") {
  process.stderr.write(
    "cargo is not installed (see https://rustup.rs): without the QUIC addon only WebSocket and browser transports work\n",
  );
  process.exit(1);
}
if (cargo.status !== 0) process.exit(cargo.status ?? 1);

const library = {
  linux: "libmoq_bridge_transport_native.so",
  darwin: "libmoq_bridge_transport_native.dylib",
  win32: "moq_bridge_transport_native.dll",
}[process.platform];
if (!library) throw new Error(`no name for the library is known on ${process.platform}`);

// As src/load.ts names it. Renamed into place: overwriting a loaded library crashes its process.
const libc = process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl";
const suffix = { linux: `-${libc}`, win32: "-msvc" }[process.platform] ?? "";
const addon = join(folder, `${process.platform}-${process.arch}${suffix}.node`);
copyFileSync(join(target, "release", library), `${addon}.new`);
renameSync(`${addon}.new`, addon);
process.stdout.write(`${addon}\n`);
