import type { LatencySummary } from "./latency-window.js";
import type { PublisherStatus } from "./publisher.js";
import type { ViewerStatus } from "./viewer.js";

const STATES: Readonly<Record<ViewerStatus["state"] | PublisherStatus["state"], string>> = {
  connecting: "Connecting.",
  waiting: "Connected. The stream has not begun.",
  playing: "Playing.",
  unplayable: "This stream cannot be played here.",
  interrupted: "Interrupted. Trying to go on.",
  ended: "The stream has ended. It goes on here when it begins again.",
  publishing: "Publishing.",
};

/** What happens, and what is wrong, in sentences. */
export function statusWords(status: ViewerStatus | PublisherStatus): string {
  const registryTrouble = "registryTrouble" in status ? status.registryTrouble : "";
  return [STATES[status.state], status.trouble, registryTrouble]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

/** How old the pictures are. */
export function latencyText({ newest, p50, p90, p99, of }: LatencySummary): string {
  const [now, ...shares] = [newest, p50, p90, p99].map(Math.round);
  return `Latency ${now} ms. Last ${of} pictures: p50 ${shares[0]}, p90 ${shares[1]}, p99 ${shares[2]} ms.`;
}

/** How it is connected and how much there was, in figures. */
export function statusFacts(status: ViewerStatus | PublisherStatus): string {
  const facts = [
    status.transport,
    `${status.pictures} pictures`,
    "sounds" in status ? `${status.sounds} sound frames` : "",
  ];
  return facts.filter((fact) => fact !== "").join(" · ");
}
