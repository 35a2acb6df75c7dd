import "./style.css";
import { inWords } from "./keep-connected.js";
import { Camera } from "./media/camera.js";
import { Publisher } from "./publisher.js";
import { fillForm, readForm, type Settings } from "./settings.js";
import { statusLine } from "./status-line.js";
import { Viewer } from "./viewer.js";

/** Whatever runs now. */
interface Running {
  stop(): void;
}

const form = element("form", HTMLFormElement);
const canvas = element("picture", HTMLCanvasElement);
const status = element("status", HTMLElement);
const stopButton = element("stop", HTMLButtonElement);
const soundButton = element("sound", HTMLButtonElement);

let running: Running | undefined;
let audio: AudioContext | undefined;

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${id}`);
}

function show(state: string, text: string): void {
  document.body.setAttribute("data-state", state);
  if (status.textContent !== text) status.textContent = text;
}

async function begin(settings: Settings): Promise<Running> {
  const { address, name, registry } = settings;
  if (settings.role === "watch") {
    return new Viewer({
      address,
      name,
      canvas,
      audio: () => audio,
      onStatus: (now) => show(now.state, statusLine(now)),
    });
  }
  const camera = settings.source === "camera" ? await Camera.open() : undefined;
  return Publisher.start({
    address,
    name,
    canvas,
    ...(registry && { registry: new URL(registry, location.href).href }),
    ...(camera && { camera }),
    onStatus: (now) => show(now.state, statusLine(now)),
  });
}

async function start(): Promise<void> {
  stop();
  try {
    const settings = readForm(form);
    performance.mark("start");
    show("connecting", "Connecting.");
    running = await begin(settings);
    stopButton.disabled = false;
    soundButton.disabled = settings.role !== "watch";
    canvas.setAttribute("aria-label", `Picture of ${settings.name}`);
  } catch (error) {
    show("failed", inWords(error));
  }
}

function stop(): void {
  running?.stop();
  running = undefined;
  stopButton.disabled = true;
  soundButton.disabled = true;
}

function toggleSound(): void {
  const on = audio === undefined;
  void audio?.close();
  audio = on ? new AudioContext() : undefined;
  soundButton.setAttribute("aria-pressed", String(on));
  soundButton.textContent = on ? "Sound off" : "Sound on";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void start();
});
stopButton.addEventListener("click", () => {
  stop();
  show("stopped", "Stopped.");
});
soundButton.addEventListener("click", toggleSound);
globalThis.addEventListener("pagehide", stop);

const search = new URLSearchParams(location.search);
fillForm(form, search);
if (search.has("start")) void start();
