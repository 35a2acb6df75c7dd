// Builds the QUIC addon where cargo is present, and says so where it is not.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const cargo = spawnSync("cargo", ["--version"], { encoding: "utf8" });
if (cargo.status === 0) {
  process.stdout.write(
    `building the QUIC addon with ${cargo.stdout.trim()}; this takes minutes the first time\n`,
  );
  const build = fileURLToPath(new URL("../packages/transport-native/build.mjs", import.meta.url));
  process.exitCode = spawnSync(process.execPath, [build], { stdio: "inherit" }).status ?? 1;
} else {
  process.stdout.write(
    "cargo is not installed (https://rustup.rs), so the QUIC addon is not built: relays are reached by wss:// or ws:// only, and Cloudflare's side, which has no WebSocket, not at all\n",
  );
}
