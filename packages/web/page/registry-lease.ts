import { systemRuntime as runtime } from "@moq-bridge/runtime";
import type { Address } from "./connection.js";
import { inWords, pause } from "./keep-connected.js";

/** How the registry calls the two worlds. */
const ORIGINS: Readonly<Record<Address["side"], string>> = {
  cloudflare: "cloudflare",
  relay: "earthseed",
};

const LIMITS = { timeoutMs: 5_000, maxBytes: 65_536 };
/** When the registry does not answer, in milliseconds. */
const RETRY_MS = 2_000;

/** Which stream is told to which registry. */
export interface LeaseOptions {
  /** The folder of the registry's addresses: `https://…/api/stats/`. */
  readonly url: string;
  readonly side: Address["side"];
  readonly name: string;
  readonly onTrouble: (words: string) => void;
}

/** Tells the registry that a stream is live, again before each lease ends, until `signal` aborts; then that it ended. */
export async function holdLease(options: LeaseOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const leaseMs = await claim(options).catch((error: unknown) => {
      options.onTrouble(`The registry was not told: ${inWords(error)}`);
      return undefined;
    });
    if (leaseMs !== undefined) options.onTrouble("");
    await pause(leaseMs === undefined ? RETRY_MS : leaseMs / 3, signal);
  }
}

async function claim(options: LeaseOptions): Promise<number> {
  const answer = await runtime.httpPost(new URL("broadcast", options.url).href, {
    ...LIMITS,
    headers: { "content-type": "application/json" },
    body: body(options),
  });
  if (answer.status > 299) throw new Error(`it answered with status ${answer.status}`);
  const { lease_seconds: seconds } = JSON.parse(new TextDecoder().decode(answer.body));
  return typeof seconds === "number" && seconds >= 1 ? seconds * 1_000 : RETRY_MS;
}

/** Says that the stream ended. Gets through even while the page is being closed. */
export function endLease(options: LeaseOptions): void {
  const url = new URL("broadcast/end", options.url).href;
  // The lease runs out by itself where this does not arrive.
  globalThis
    .fetch(url, {
      method: "POST",
      keepalive: true,
      headers: { "content-type": "application/json" },
      body: body(options),
    })
    .catch(() => {});
}

function body({ name, side }: LeaseOptions): string {
  return JSON.stringify({ stream_id: name, origin: ORIGINS[side] });
}
