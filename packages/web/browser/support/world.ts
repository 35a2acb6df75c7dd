import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type BridgeProcess, type IetfRelay, type MoqRelay, Scene } from "@moq-bridge/testing";
import { RunningWorker } from "../../../registry/test/worker.js";
import { Chromium } from "./chromium.js";
import { servePage } from "./page-server.js";
import { type Browser, Tab } from "./tab.js";
import { WebKit } from "./webkit.js";

const SCREENSHOTS = join(process.cwd(), "test-output", "screenshots");

/** Which browser on which side. Safari's kind has WebSocket only; Chrome goes to Cloudflare. */
export type Which = "chromium" | "webkit";

/** Both relays, the registry as deployed on its database, the bridge, and the page for browsers to open. */
export class World {
  readonly relay: MoqRelay;
  readonly cloudflare: IetfRelay;
  readonly #scene: Scene;
  readonly #pageUrl: string;
  #bridge: BridgeProcess;

  private constructor(
    scene: Scene,
    relays: { relay: MoqRelay; cloudflare: IetfRelay },
    bridge: BridgeProcess,
    pageUrl: string,
  ) {
    this.#scene = scene;
    this.relay = relays.relay;
    this.cloudflare = relays.cloudflare;
    this.#bridge = bridge;
    this.#pageUrl = pageUrl;
  }

  static async start(title: string): Promise<World> {
    const scene = await Scene.create(title);
    try {
      const worker = await RunningWorker.start({
        REGISTRY_WRITING: "open",
        REGISTRY_LEASE_SECONDS: "10",
      });
      scene.onEnd(() => worker.close());
      const page = await servePage(worker.url);
      scene.onEnd(() => page.close());
      const relays = { relay: await scene.moqRelay(), cloudflare: await scene.ietfRelay() };
      const bridge = await startBridge(scene, relays, page.url);
      return new World(scene, relays, bridge, page.url);
    } catch (error) {
      await scene.end();
      throw error;
    }
  }

  /** Kills the bridge and starts it anew. */
  async restartBridge(): Promise<void> {
    await this.#bridge.process.kill();
    this.#bridge = await startBridge(this.#scene, this, this.#pageUrl);
  }

  /** Kills moq-relay and starts it anew. */
  async restartRelay(): Promise<void> {
    await this.relay.kill();
    await this.relay.start();
  }

  /** Kills moq-relay-ietf and starts it anew. */
  async restartCloudflare(): Promise<void> {
    await this.cloudflare.kill();
    await this.cloudflare.start();
  }

  /** Opens the page in a new browser and lets it publish. */
  publish(which: Which, name: string): Promise<Tab> {
    return this.#open(which, { role: "publish", name, registry: "/api/stats/" });
  }

  /** Opens the page in a new browser and lets it watch. */
  watch(which: Which, name: string): Promise<Tab> {
    return this.#open(which, { role: "watch", name });
  }

  /** Keeps what the page looks like now. */
  async screenshot(tab: Tab, name: string): Promise<void> {
    await mkdir(SCREENSHOTS, { recursive: true });
    await tab.browser.screenshot(join(SCREENSHOTS, `${name}.png`));
  }

  end(): Promise<void> {
    return this.#scene.end();
  }

  async #open(which: Which, fields: Record<string, string>): Promise<Tab> {
    const browser: Browser = which === "chromium" ? await Chromium.start() : await WebKit.start();
    this.#scene.onEnd(() => browser.stop());
    const side =
      which === "chromium"
        ? {
            side: "cloudflare",
            url: this.cloudflare.url,
            fingerprint: this.#scene.certificate.fingerprint,
          }
        : { side: "relay", url: this.relay.wsUrl };
    const search = new URLSearchParams({ ...side, ...fields, start: "" });
    await browser.open(`${this.#pageUrl}/?${search}`);
    return new Tab(browser);
  }
}

function startBridge(
  scene: Scene,
  { relay, cloudflare }: { relay: MoqRelay; cloudflare: IetfRelay },
  pageUrl: string,
): Promise<BridgeProcess> {
  return scene.bridge({
    relayUrl: relay.wsUrl,
    cloudflareUrl: cloudflare.url,
    registryUrl: `${pageUrl}/api/stats/greet`,
  });
}
