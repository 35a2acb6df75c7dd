import type { PublisherStatus } from "./publisher.js";
import type { ViewerStatus } from "./viewer.js";

const STATES: Readonly<Record<ViewerStatus["state"] | PublisherStatus["state"], string>> = {
  connecting: "Connecting.",
  waiting: "Connected. The stream has not begun.",
  playing: "Playing.",
  interrupted: "Interrupted. Trying to go on.",
  ended: "The stream has ended. It goes on here when it begins again.",
  publishing: "Publishing.",
};

/** What happens, as one line. */
export function statusLine(status: ViewerStatus | PublisherStatus): string {
  const { state, trouble, transport, pictures } = status;
  const facts = [
    transport,
    "latencyMs" in status && status.latencyMs !== undefined
      ? `latency ${Math.round(status.latencyMs)} ms`
      : "",
    `${pictures} pictures`,
    "sounds" in status ? `${status.sounds} sound frames` : "",
  ];
  return [STATES[state], trouble, facts.filter((fact) => fact !== "").join(" · ")]
    .filter((part) => part !== "")
    .join(" ");
}
