import { type BridgeProcess, type IetfRelay, type MoqRelay, Scene } from "@moq-bridge/testing";
import { RunningWorker } from "../../../registry/test/worker.js";
import { Chromium, MADE_UP_CAMERA } from "./chromium.js";
import { servePage } from "./page-server.js";
import { type Browser, Tab } from "./tab.js";
import { WebKit } from "./webkit.js";

/** Which browser on which side. Safari's kind has WebSocket only; Chrome goes to Cloudflare. */
export type Which = "chromium" | "webkit";

/** What can be killed and started again; `cloudflare` is moq-relay-ietf. */
export type Part = "bridge" | "relay" | "cloudflare";

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

  /** SIGKILL. */
  async kill(part: Part): Promise<void> {
    await (part === "bridge" ? this.#bridge.process : this[part]).kill();
  }

  /** Starts a part that was killed; resolves when it listens or, the bridge, runs. */
  async startAgain(part: Part): Promise<void> {
    if (part === "bridge") this.#bridge = await startBridge(this.#scene, this, this.#pageUrl);
    else await this[part].start();
  }

  /** Opens the page in a new browser and lets it publish. */
  publish(which: Which, name: string): Promise<Tab> {
    const search = { role: "publish", name, registry: "/api/stats/" };
    return this.#open(which, search, () => start(which));
  }

  /** The same with what Chromium has for a camera. */
  publishCamera(name: string): Promise<Tab> {
    const search = { role: "publish", source: "camera", name, registry: "/api/stats/" };
    return this.#open("chromium", search, () => Chromium.start(MADE_UP_CAMERA));
  }

  /** Opens the page in a new browser and lets it watch. */
  watch(which: Which, name: string): Promise<Tab> {
    return this.#open(which, { role: "watch", name }, () => start(which));
  }

  /** Whether the registry shows the stream as live. */
  async isListed(name: string): Promise<boolean> {
    const answer = await fetch(`${this.#pageUrl}/api/stats/greet`);
    return (await answer.text()).includes(`"${name}"`);
  }

  end(): Promise<void> {
    return this.#scene.end();
  }

  async #open(
    which: Which,
    fields: Record<string, string>,
    startBrowser: () => Promise<Browser>,
  ): Promise<Tab> {
    const browser = await startBrowser();
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

function start(which: Which): Promise<Browser> {
  return which === "chromium" ? Chromium.start() : WebKit.start();
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
