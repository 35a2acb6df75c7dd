import type { Address } from "../connection.js";
import { inWords } from "../keep-connected.js";
import { Publisher } from "../publisher.js";
import { StatusView } from "../status-view.js";
import { Viewer } from "../viewer.js";
import { addressOf, type Scene } from "./scene.js";

/** What a {@link Pane} is set up with. */
export interface PaneOptions {
  readonly scene: Scene;
  readonly side: Address["side"];
  /** Names of the streams it publishes and shows. */
  readonly publishes: string;
  readonly shows: string;
}

/** One side of the scene: what is published there, and what of the other side is seen there. */
export class Pane {
  readonly #options: PaneOptions;
  readonly #address: Address;
  readonly #root: HTMLElement;
  #publisher: Publisher | undefined;
  #viewer: Viewer | undefined;
  #shownUntil = 0;

  /** @param root has the figures `.publishes` and `.shows` */
  constructor(root: HTMLElement, options: PaneOptions) {
    const { scene, side, shows } = options;
    const { address, note } = addressOf(scene, side);
    this.#options = options;
    this.#address = address;
    this.#root = root;
    if (note) this.#find(".way", HTMLElement).textContent += ` ${note}`;
    const search = new URLSearchParams({ role: "watch", side, name: shows, scene: "", start: "" });
    this.#find(".apart", HTMLAnchorElement).href = `./index.html?${search}`;
  }

  /** Capture time of the newest picture that it shows, in milliseconds since the Unix epoch. */
  get shownUntil(): number {
    return this.#shownUntil;
  }

  /** Publishes and shows until it is stopped. */
  async start(): Promise<void> {
    const { scene, publishes: name } = this.#options;
    const view = new StatusView(this.#find(".publishes", HTMLElement));
    this.#watch();
    try {
      this.#publisher = await Publisher.start({
        address: this.#address,
        name,
        registry: new URL(scene.registry, location.href).href,
        canvas: this.#find(".publishes canvas", HTMLCanvasElement),
        onStatus: (status) => view.show(status),
      });
    } catch (error) {
      view.say("failed", inWords(error));
    }
  }

  stop(): void {
    this.#publisher?.stop();
    this.#viewer?.stop();
  }

  #watch(): void {
    const view = new StatusView(this.#find(".shows", HTMLElement));
    this.#viewer = new Viewer({
      address: this.#address,
      name: this.#options.shows,
      canvas: this.#find(".shows canvas", HTMLCanvasElement),
      audio: () => undefined,
      onStatus: (status) => {
        this.#shownUntil = status.capturedAt ?? 0;
        view.show(status);
      },
    });
  }

  #find<T extends Element>(selector: string, type: new () => T): T {
    const found = this.#root.querySelector(selector);
    if (found instanceof type) return found;
    throw new Error(`the pane has no ${selector}`);
  }
}
