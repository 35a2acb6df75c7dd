import { IETF14_PROTOCOLS } from "@moq-bridge/moq-ietf14-session";
import type { Runtime } from "@moq-bridge/runtime";
import type { TransportSession } from "@moq-bridge/transport";
import type { EmbeddedRelay, RelayLog } from "../embedded-relay.js";
import { RelayPeer } from "./relay-peer.js";
import { type Ietf14Rules, PLAIN_RULES, type RuleCounts } from "./rules.js";
import { NameScope, scopeOf } from "./scope.js";

/** What an {@link Ietf14Relay} is made with. */
export interface Ietf14RelayOptions {
  readonly runtime: Runtime;
  /** Default {@link PLAIN_RULES}. */
  readonly rules?: Ietf14Rules;
  readonly log?: RelayLog;
}

/**
 * A draft-14 relay that behaves like Cloudflare's: it announces nothing and
 * answers SUBSCRIBE for the names published on it. One publisher per name;
 * SUBSCRIBE_OK at once, then one subscription at the publisher per track,
 * however many viewers, kept after the last has left; who joins gets the newest
 * group from its first object. The connection's path is the scope of its names.
 *
 * It is written against the wire format alone, apart from the sessions of
 * `@moq-bridge/moq-ietf14-session`, which are tested against it.
 */
export class Ietf14Relay implements EmbeddedRelay {
  readonly protocols = IETF14_PROTOCOLS;
  readonly #options: Ietf14RelayOptions;
  readonly #scopes = new Map<string, NameScope>();
  readonly #peers = new Set<RelayPeer>();
  readonly #counts: RuleCounts = {};

  constructor(options: Ietf14RelayOptions) {
    this.#options = options;
  }

  get maxUniStreams(): number | undefined {
    return this.#options.rules?.incomingStreams;
  }

  get sessions(): number {
    return this.#peers.size;
  }

  /** Namespaces published now, in all scopes, as paths in order. */
  get names(): readonly string[] {
    return [...this.#scopes.values()].flatMap((scope) => scope.paths).sort();
  }

  /** How often each rule was applied. */
  get counts(): RuleCounts {
    return { ...this.#counts };
  }

  async serve(transport: TransportSession): Promise<void> {
    const { runtime, log, rules = PLAIN_RULES } = this.#options;
    const path = scopeOf(transport.path);
    const scope = this.#scopes.get(path) ?? new NameScope();
    this.#scopes.set(path, scope);
    const peer = new RelayPeer(transport, {
      runtime,
      scope,
      rules,
      log: log ?? (() => {}),
      count: (rule) => {
        this.#counts[rule] = (this.#counts[rule] ?? 0) + 1;
      },
    });
    this.#peers.add(peer);
    log?.(`session over ${transport.kind} in scope ${path}`);
    const why = await peer.run();
    this.#peers.delete(peer);
    log?.(`session ended: ${why}`);
  }

  close(): void {
    for (const peer of this.#peers) peer.close();
  }
}
