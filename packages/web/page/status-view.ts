import type { PublisherStatus } from "./publisher.js";
import { latencyText, statusFacts, statusWords } from "./status-line.js";
import type { ViewerStatus } from "./viewer.js";

/**
 * Where the page shows how a publisher or a viewer is doing: the element's
 * `data-state`, and in it `.words`, which is read out whenever it changes, and
 * `.latency` and `.facts`, whose figures change too often for that.
 */
export class StatusView {
  readonly #root: HTMLElement;

  constructor(root: HTMLElement) {
    this.#root = root;
  }

  /** Shows what it knows. */
  show(status: ViewerStatus | PublisherStatus): void {
    this.say(status.state, statusWords(status));
    const latency = "latency" in status ? status.latency : undefined;
    this.#write(".latency", latency ? latencyText(latency) : "");
    this.#write(".facts", statusFacts(status));
  }

  /** Shows a sentence. */
  say(state: string, words: string): void {
    if (this.#root.dataset["state"] !== state) this.#root.dataset["state"] = state;
    this.#write(".words", words);
  }

  #write(selector: string, text: string): void {
    const element = this.#root.querySelector(selector);
    if (element && element.textContent !== text) element.textContent = text;
  }
}
