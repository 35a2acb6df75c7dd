import "./style.css";
import { checkAddress } from "./connection.js";
import { addressOf, readScene } from "./demo/scene.js";
import { element } from "./element.js";
import { inWords } from "./keep-connected.js";
import { Camera } from "./media/camera.js";
import { checkWebCodecs } from "./media/web-codecs.js";
import { Publisher } from "./publisher.js";
import { fillForm, readForm, type Settings } from "./settings.js";
import { StatusView } from "./status-view.js";
import { Viewer } from "./viewer.js";

/** Whatever runs now. */
interface Running {
  stop(): void;
}

const form = element("form", HTMLFormElement);
const canvas = element("picture", HTMLCanvasElement);
const view = new StatusView(document.body);
const startButton = element("start", HTMLButtonElement);
const stopButton = element("stop", HTMLButtonElement);
const soundButton = element("sound", HTMLButtonElement);

let starting = false;
let running: Running | undefined;
let audio: AudioContext | undefined;

async function begin(settings: Settings): Promise<Running> {
  const { address, name, registry } = settings;
  checkWebCodecs();
  checkAddress(address);
  if (settings.role === "watch") {
    return new Viewer({
      address,
      name,
      canvas,
      audio: () => audio,
      onStatus: (status) => view.show(status),
    });
  }
  const camera = settings.source === "camera" ? await Camera.open() : undefined;
  try {
    return await Publisher.start({
      address,
      name,
      canvas,
      ...(registry && { registry: new URL(registry, location.href).href }),
      ...(camera && { camera }),
      onStatus: (status) => view.show(status),
    });
  } catch (error) {
    camera?.stop();
    throw error;
  }
}

async function start(): Promise<void> {
  if (starting) return;
  starting = true;
  stop();
  try {
    const settings = readForm(form);
    view.say("connecting", "Connecting.");
    running = await begin(settings);
    stopButton.disabled = false;
    soundButton.disabled = settings.role !== "watch";
    canvas.setAttribute("aria-label", `Picture of ${settings.name}`);
  } catch (error) {
    view.say("failed", inWords(error));
  } finally {
    starting = false;
  }
}

function stop(): void {
  running?.stop();
  running = undefined;
  stopButton.disabled = true;
  soundButton.disabled = true;
}

function stopAndSay(): void {
  if (!running) return;
  stop();
  view.say("stopped", "Stopped.");
}

function toggleSound(): void {
  const on = audio === undefined;
  void audio?.close();
  audio = on ? new AudioContext() : undefined;
  soundButton.setAttribute("aria-pressed", String(on));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void start();
});
stopButton.addEventListener("click", () => {
  stopAndSay();
  // A button that is disabled loses the keyboard's focus.
  startButton.focus();
});
soundButton.addEventListener("click", toggleSound);
// The browser may show this very page again, when the visitor comes back.
globalThis.addEventListener("pagehide", stopAndSay);

/** The page's address says what to do; in a demo the relays' addresses come from there. */
async function obeyAddress(): Promise<void> {
  const search = new URLSearchParams(location.search);
  fillForm(form, search);
  if (search.has("scene")) {
    const side = search.get("side") === "cloudflare" ? "cloudflare" : "relay";
    const { url, fingerprint = "" } = addressOf(await readScene(), side).address;
    fillForm(form, new URLSearchParams({ url, fingerprint }));
  }
  if (search.has("start")) await start();
}

obeyAddress().catch((error: unknown) => view.say("failed", inWords(error)));
