/**
 * `npm run peers [name...]`: installs the pinned real peers (all, or the named
 * ones: a cargo peer, `python`, `node`). What cannot be installed ends it with
 * exit code 1.
 */
import { cacheLayout } from "./cache.js";
import { cargoInstallation } from "./cargo-peer.js";
import { pythonInstallation } from "./python.js";
import { secondNodeInstallation } from "./second-node.js";
import { ensureInstalled, type Installation } from "./stamp.js";
import { CARGO_PEERS, type CargoPeerName } from "./table.js";

async function main(wanted: readonly string[]): Promise<void> {
  const layout = cacheLayout();
  const all: Installation[] = [
    pythonInstallation(layout),
    secondNodeInstallation(layout),
    ...Object.entries(CARGO_PEERS).map(([name, peer]) =>
      cargoInstallation(layout, name as CargoPeerName, peer),
    ),
  ];
  for (const name of wanted) {
    if (!all.some((one) => one.name === name)) throw new Error(`unknown peer ${name}`);
  }
  for (const one of all) {
    if (wanted.length > 0 && !wanted.includes(one.name)) continue;
    const started = Date.now();
    const installed = await ensureInstalled(layout, one);
    const seconds = Math.round((Date.now() - started) / 1000);
    process.stdout.write(
      `${one.name}: ${installed ? `installed in ${seconds} s` : "present"} (${one.executable})\n`,
    );
  }
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`peers: ${error.message}\n`);
  process.exitCode = 1;
});
