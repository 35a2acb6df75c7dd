import type { Address } from "../connection.js";

/** The demo's relays, as `moq-bridge demo --web` describes them in `scene.json`. */
export interface Scene {
  /** The moq-lite relay, `ws://…`. */
  readonly relayUrl: string;
  readonly cloudflare: {
    readonly webSocketUrl: string;
    /** Where it serves WebTransport. */
    readonly webTransport?: { readonly url: string; readonly fingerprint: string };
    /** Why it does not, in a sentence. */
    readonly withoutWebTransport?: string;
  };
  /** The registry's folder of addresses, relative to the page. */
  readonly registry: string;
}

/** Asks the server of the page. @throws {Error} a sentence */
export async function readScene(): Promise<Scene> {
  const answer = await fetch("./scene.json").catch(() => undefined);
  if (!answer) throw new Error("The demo does not run any more. Start it again and reload.");
  if (!answer.ok)
    throw new Error("This page is for moq-bridge demo --web, which does not serve it.");
  return (await answer.json()) as Scene;
}

/** Where a side connects to; `note` says it when the draft-14 side cannot use WebTransport. */
export function addressOf(
  scene: Scene,
  side: Address["side"],
): { readonly address: Address; readonly note?: string } {
  if (side === "relay") return { address: { side, url: scene.relayUrl } };
  const { webTransport, webSocketUrl, withoutWebTransport } = scene.cloudflare;
  if (webTransport && "WebTransport" in globalThis) return { address: { side, ...webTransport } };
  const why = webTransport ? "This browser has no WebTransport." : `${withoutWebTransport}`;
  return {
    address: { side, url: webSocketUrl },
    note: `${why} So this side uses WebSocket, which Cloudflare’s own network does not have.`,
  };
}
