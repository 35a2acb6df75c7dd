import { serveRegistry as serve } from "@moq-bridge/registry/node";
import { demoEnd } from "../demo-end.js";
import { DemoWorld, type DemoWorldOptions } from "../demo-world.js";
import { introduction } from "../introduction.js";
import { restart } from "../world.js";
import { readBuiltPage } from "./built-page.js";
import { createPageHandler } from "./page-handler.js";

/** How a demo for browsers runs. */
export interface RunWebDemoOptions extends DemoWorldOptions {
  /** Ends after this long; otherwise when it is asked to. */
  readonly durationMs: number | undefined;
  readonly write: (text: string) => void;
  /** Serves the bridge's status page; returns how to stop. */
  readonly startAdmin?: (world: DemoWorld) => Promise<() => Promise<void>>;
  readonly stopRequested: Promise<string>;
}

/** Runs relays, registry and bridge, and serves a page whose visitors publish and watch on both sides. */
export async function runWebDemo(options: RunWebDemoOptions): Promise<void> {
  const { write, durationMs, stopRequested, startAdmin } = options;
  const files = readBuiltPage();
  const world = new DemoWorld(options);
  await world.start();
  const page = await serve(
    createPageHandler({
      files,
      scene: () => describe(world),
      registry: world.registryService,
      async restartBridge() {
        await restart(world, "bridge");
        write("the bridge was killed and started again\n");
      },
    }),
  );
  const stopAdmin = await startAdmin?.(world);
  for (const line of introduction(world)) write(`${line}\n`);
  write(`Open it in a browser: ${page.url}/\nCtrl-C ends it.\n`);
  await demoEnd(durationMs, stopRequested);
  await page.close();
  await stopAdmin?.();
  await world.stop();
}

/** The relays as the page has to know them. The token in it is for this demo's relay alone. */
function describe(world: DemoWorld): object {
  const { url, tls } = world.cloudflareForClients;
  const [fingerprint] = tls.fingerprints ?? [];
  return {
    relayUrl: world.relayForClients.url,
    registry: "./api/stats/",
    cloudflare: {
      webSocketUrl: world.cloudflareWebSocketUrl,
      ...(fingerprint === undefined
        ? { withoutWebTransport: `No WebTransport: ${world.withoutWebTransport}.` }
        : { webTransport: { url, fingerprint } }),
    },
  };
}
