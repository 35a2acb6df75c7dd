import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { inWords, pause } from "../keep-connected.js";
import type { StatusView } from "../status-view.js";
import type { Pane } from "./pane.js";

const LOOK_EVERY_MS = 100;

/** Has the bridge killed and started again, and says when the pictures of both panes are back; `signal` ends the wait. */
export async function restartBridge(
  panes: readonly Pane[],
  view: StatusView,
  signal: AbortSignal,
): Promise<void> {
  const killedAt = runtime.wallClock();
  view.say("killed", "The bridge is killed.");
  try {
    await askForRestart();
  } catch (error) {
    view.say("failed", inWords(error));
    return;
  }
  if (signal.aborted) return;
  view.say("healing", "The bridge runs again. The pictures are still to come back.");
  const runsSince = runtime.wallClock();
  while (!panes.every((pane) => pane.shownUntil > runsSince)) {
    await pause(LOOK_EVERY_MS, signal);
    if (signal.aborted) return;
  }
  const seconds = ((runtime.wallClock() - killedAt) / 1_000).toFixed(1);
  view.say("running", `Both pictures were back ${seconds} s after the bridge was killed.`);
}

async function askForRestart(): Promise<void> {
  const answer = await fetch("./restart", { method: "POST" }).catch(() => undefined);
  if (!answer) throw new Error("The demo does not run any more. Start it again and reload.");
  if (!answer.ok) throw new Error((await answer.text()).trim());
}
