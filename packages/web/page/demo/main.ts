import "../style.css";
import "./demo.css";
import { element } from "../element.js";
import { inWords } from "../keep-connected.js";
import { checkWebCodecs } from "../media/web-codecs.js";
import { StatusView } from "../status-view.js";
import { Pane } from "./pane.js";
import { restartBridge } from "./restart-bridge.js";
import { readScene } from "./scene.js";

const restart = element("restart", HTMLButtonElement);
const view = new StatusView(element("bridge", HTMLElement));

/** Every window has streams of its own. */
const suffix = crypto.randomUUID().slice(0, 4);
const FROM_RELAY = `demo/safari-${suffix}`;
const FROM_CLOUDFLARE = `demo/chrome-${suffix}`;

async function start(): Promise<void> {
  checkWebCodecs();
  const scene = await readScene();
  const panes = [
    new Pane(element("relay", HTMLElement), {
      scene,
      side: "relay",
      publishes: FROM_RELAY,
      shows: FROM_CLOUDFLARE,
    }),
    new Pane(element("cloudflare", HTMLElement), {
      scene,
      side: "cloudflare",
      publishes: FROM_CLOUDFLARE,
      shows: FROM_RELAY,
    }),
  ];
  globalThis.addEventListener("pagehide", () => {
    for (const pane of panes) pane.stop();
  });
  // The browser may show this very page again, when the visitor comes back.
  globalThis.addEventListener("pageshow", ({ persisted }) => {
    if (persisted) location.reload();
  });
  for (const pane of panes) await pane.start();
  letRestart(panes);
}

function letRestart(panes: readonly Pane[]): void {
  let before = new AbortController();
  restart.disabled = false;
  restart.addEventListener("click", () => {
    before.abort();
    before = new AbortController();
    void restartBridge(panes, view, before.signal);
  });
}

start().catch((error: unknown) => view.say("failed", inWords(error)));
