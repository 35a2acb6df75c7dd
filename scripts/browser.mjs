// Installs the browsers named as arguments (default chromium) from Debian's packages where they
// are missing, and fails where they cannot be installed.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const BROWSERS = {
  chromium: {
    needs: [process.env.CHROMIUM || "/usr/bin/chromium"],
    packages: ["chromium"],
    instead: "install chromium, or set CHROMIUM to a browser's path",
  },
  webkit: {
    needs: [
      "/usr/bin/WebKitWebDriver",
      "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
      "/usr/bin/Xvfb",
    ],
    packages: ["webkit2gtk-driver", "xvfb", "xauth"],
    instead: "install webkit2gtk-driver and xvfb",
  },
};

const names = process.argv.length > 2 ? process.argv.slice(2) : ["chromium"];
for (const name of names) {
  const browser = BROWSERS[name];
  if (!browser) fail(`no browser is called ${name}`);
  if (!browser.needs.every((file) => existsSync(file))) install(browser);
  const missing = browser.needs.filter((file) => !existsSync(file));
  if (missing.length > 0) fail(`${missing.join(", ")} is still missing; ${browser.instead}`);
  console.log(`${name}: ${browser.needs[0]}`);
}

function install({ packages, instead }) {
  run("apt-get", ["update", "-qq"], instead);
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], instead);
}

function run(command, args, instead) {
  const { status, error } = spawnSync(command, args, {
    stdio: "inherit",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (error || status !== 0) fail(`${command} ${args.join(" ")} failed; ${instead}`);
}

function fail(reason) {
  console.error(`browser: ${reason}`);
  process.exit(1);
}
