import type { Logger } from "@moq-bridge/bridge";
import { AdminServer } from "../src/admin/admin-server.js";
import { Demo } from "../src/demo/demo.js";
import { LineLogger } from "../src/logger.js";
import { Redactor } from "../src/redactor.js";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A demo in this process with its status page, as `moq-bridge demo --admin` runs it. */
export async function startDemo() {
  const demo = await Demo.start({ log: silent });
  const { world } = demo;
  const redactor = new Redactor();
  const admin = new AdminServer({
    host: "127.0.0.1",
    port: 0,
    token: undefined,
    bridge: { status: () => world.bridge.status(), pollNow: () => world.bridge.pollNow() },
    version: "demo",
    wallClock: Date.now,
    relayUrl: world.relayForBridge.url,
    cloudflareUrl: world.cloudflareForClients.url,
    redactor,
    log: new LineLogger({
      level: "error",
      format: "text",
      redactor,
      wallClock: Date.now,
      write: (line) => process.stderr.write(line),
    }),
  });
  const url = `http://127.0.0.1:${await admin.start()}`;
  const stop = async () => {
    await admin.stop();
    await demo.stop();
  };
  return { demo, url, stop };
}
