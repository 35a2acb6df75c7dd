import type { TrackNamespace } from "@moq-bridge/moq-wire/ietf14";
import type { RelayPeer } from "./relay-peer.js";

/** A namespace and who publishes it. */
export interface HeldName {
  readonly namespace: TrackNamespace;
  readonly peer: RelayPeer;
}

/** The names published under one connection path; other paths know nothing of them. */
export class NameScope {
  readonly #names = new Map<string, HeldName>();

  get size(): number {
    return this.#names.size;
  }

  /** False when somebody holds the name. */
  claim(namespace: TrackNamespace, peer: RelayPeer): boolean {
    const key = keyOf(namespace);
    if (this.#names.has(key)) return false;
    this.#names.set(key, { namespace, peer });
    return true;
  }

  /** False when `peer` does not hold the name. */
  release(namespace: TrackNamespace, peer: RelayPeer): boolean {
    const key = keyOf(namespace);
    if (this.#names.get(key)?.peer !== peer) return false;
    return this.#names.delete(key);
  }

  /** The session is over. */
  releaseAll(peer: RelayPeer): void {
    for (const [key, held] of this.#names) if (held.peer === peer) this.#names.delete(key);
  }

  /** Who publishes `namespace`: the holder of the longest name that it begins with. */
  find(namespace: TrackNamespace): HeldName | undefined {
    for (let length = namespace.length; length > 0; length--) {
      const held = this.#names.get(keyOf(namespace.slice(0, length)));
      if (held) return held;
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
