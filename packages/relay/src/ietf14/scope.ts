import type { TrackNamespace } from "@moq-bridge/moq-wire/ietf14";
import type { RelayPeer } from "./relay-peer.js";

/** A namespace and who publishes it. */
export interface HeldName {
  readonly namespace: TrackNamespace;
  readonly peer: RelayPeer;
  /** Until then it is not found, on the relay's clock. */
  hiddenUntil: number;
}

/** The names published under one connection path; other paths know nothing of them. */
export class NameScope {
  readonly #names = new Map<string, HeldName>();

  get paths(): string[] {
    return [...this.#names.values()].map(({ namespace }) => namespace.join("/"));
  }

  /** Takes a name, which with `takesOver` another session may hold. */
  claim(
    namespace: TrackNamespace,
    peer: RelayPeer,
    takesOver: boolean,
  ): "free" | "held" | "taken_over" {
    const key = keyOf(namespace);
    const held = this.#names.has(key);
    if (held && !takesOver) return "held";
    this.#names.set(key, { namespace, peer, hiddenUntil: 0 });
    return held ? "taken_over" : "free";
  }

  /** Gives a name back; false when `peer` does not hold it. With `anyones` whoever holds it loses it. */
  release(namespace: TrackNamespace, peer: RelayPeer, anyones: boolean): boolean {
    const key = keyOf(namespace);
    if (this.#names.get(key)?.peer !== peer && !anyones) return false;
    return this.#names.delete(key) || anyones;
  }

  /** Makes a name that is held not to be found until `time`. */
  hide(namespace: TrackNamespace, time: number): void {
    const held = this.#names.get(keyOf(namespace));
    if (held) held.hiddenUntil = time;
  }

  /** Who publishes `namespace`: the holder of the longest name that it begins with. */
  find(namespace: TrackNamespace, now: number): HeldName | undefined {
    for (let length = namespace.length; length > 0; length--) {
      const held = this.#names.get(keyOf(namespace.slice(0, length)));
      if (held && held.hiddenUntil <= now) return held;
    }
    return undefined;
  }
}

function keyOf(namespace: TrackNamespace): string {
  return JSON.stringify(namespace);
}

/** The scope a connection's path names: without its query and a slash at its end; case counts. */
export function scopeOf(path: string | undefined): string {
  const [pathname = "/"] = (path ?? "/").split("?", 1);
  return pathname.replace(/\/+$/, "") || "/";
}
