// Installs Debian's Chromium for the tests of the status page where there is none.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const browser = process.env.CHROMIUM || "/usr/bin/chromium";

if (!existsSync(browser)) {
  const run = (command, args) => {
    const { status, error } = spawnSync(command, args, {
      stdio: "inherit",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    if (error || status !== 0) {
      console.error(
        `browser: ${command} ${args.join(" ")} failed; install chromium, or set CHROMIUM to a browser's path`,
      );
      process.exit(1);
    }
  };
  run("apt-get", ["update", "-qq"]);
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"]);
}
console.log(`chromium: ${browser}`);
