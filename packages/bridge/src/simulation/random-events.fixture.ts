import type { Random } from "./random.fixture.js";
import { REGISTRY_TROUBLES } from "./simulated-registry.fixture.js";
import type { SimulatedWorld } from "./simulated-world.fixture.js";

const RELAY_NAMES = ["relay/a", "relay/b", "relay/c"];
const CDN_NAMES = ["cdn/a", "cdn/b", "cdn/c"];
/** Names that both sides may use, at once as well. */
export const SHARED_NAMES = ["both/a", "both/b"];
export const NAMES = [...RELAY_NAMES, ...CDN_NAMES, ...SHARED_NAMES];

/** More of them at once would only cost time. */
const MAX_CDN_VIEWERS = 4;
/** A connection is lost after up to this many chunks, ends and acknowledgements. */
const MOST_DELIVERIES = 60;
/** Milliseconds by which a wall clock may be wrong, either way. */
const MOST_JUMP_MS = 1e9;

const IN_CONFLICT = "a name is in conflict";
const CDN_CUT_AT_MESSAGE = "a session with Cloudflare was cut at a message";
const RELAY_CUT_AT_MESSAGE = "a session with the relay was cut at a message";
/** What is counted beside the events themselves. */
const CONSEQUENCES = [IN_CONFLICT, CDN_CUT_AT_MESSAGE, RELAY_CUT_AT_MESSAGE];

/** Whether it could be done in the world as it is. */
type Event = () => boolean;

/** What it is called, how often it comes, and how it is done. */
type Kind = readonly [name: string, weight: number, act: Event];

/** What may happen to a world, at random. Says in the end how often each kind did. */
export class RandomEvents {
  /** How often each kind of event happened. */
  readonly counts = new Map<string, number>();
  readonly #world: SimulatedWorld;
  readonly #random: Random;
  readonly #say: (what: string) => void;
  readonly #kinds: readonly Kind[];

  constructor(world: SimulatedWorld, random: Random, say: (what: string) => void) {
    this.#world = world;
    this.#random = random;
    this.#say = say;
    this.#kinds = [
      ["a publisher starts on the relay", 8, () => this.#startRelayPublisher(false)],
      ["a publisher on the relay restarts", 3, () => this.#startRelayPublisher(true)],
      ["a publisher on the relay ends", 4, () => this.#endRelayPublisher()],
      ["a publisher starts on Cloudflare", 8, () => this.#startCdnPublisher()],
      ["a publisher on Cloudflare restarts", 2, () => this.#restartCdnPublisher("stop")],
      [
        "a publisher on Cloudflare is killed and restarts",
        2,
        () => this.#restartCdnPublisher("kill"),
      ],
      ["a publisher on Cloudflare ends", 2, () => this.#endCdnPublisher("stop")],
      ["a publisher on Cloudflare is killed", 2, () => this.#endCdnPublisher("kill")],
      ["the registry lists something", 2, () => this.#list()],
      ["the registry drops something", 2, () => this.#drop()],
      ["a viewer joins on the relay", 8, () => this.#viewOnRelay()],
      ["a viewer joins on Cloudflare", 6, () => this.#viewOnCdn()],
      ["a viewer leaves the relay", 3, () => this.#leaveRelay()],
      ["a viewer leaves Cloudflare", 2, () => this.#leaveCdn()],
      ["a session of a bridge with Cloudflare is cut", 2, () => this.#cutCdn()],
      ["all sessions with Cloudflare are cut", 1, () => this.#cutAll()],
      ["a session with Cloudflare is to be cut at a message", 5, () => this.#cutCdnAtMessage()],
      ["the session of a bridge with the relay is cut", 2, () => this.#cutRelay()],
      ["a session with the relay is to be cut at a message", 3, () => this.#cutRelayAtMessage()],
      ["Cloudflare goes away", 1, () => this.#loseCdn()],
      ["Cloudflare comes back", 6, () => this.#returnCdn()],
      ...REGISTRY_TROUBLES.map(
        (trouble) => [`the registry is ${trouble}`, 0.4, () => this.#setTrouble(trouble)] as const,
      ),
      ["the registry is well again", 6, () => this.#setTrouble(undefined)],
      ["the relay crashes", 1, () => this.#crashRelay()],
      ["the relay is back", 6, () => this.#restartRelay()],
      ["the clock jumps", 2, () => this.#jump()],
      ["a bridge is killed", 1, () => this.#endBridge("kill")],
      ["a bridge is stopped", 1, () => this.#endBridge("stop")],
      ["a bridge is started again", 6, () => this.#restartBridge()],
    ];
    for (const name of [...this.#kinds.map(([kind]) => kind), ...CONSEQUENCES]) {
      this.counts.set(name, 0);
    }
  }

  /** One event that can happen now. */
  step(): void {
    for (;;) {
      const [name, , act] = this.#choose();
      if (!act()) continue;
      this.#count(name);
      for (const path of SHARED_NAMES) {
        const { relayPublishers, cdnPublishers } = this.#world;
        if (relayPublishers.has(path) && cdnPublishers.has(path)) this.#count(IN_CONFLICT);
      }
      return;
    }
  }

  /** Counts what came of the sessions that were to be cut. */
  finish(): void {
    this.#count(CDN_CUT_AT_MESSAGE, this.#world.cdnNetwork.cutAtMessage);
    this.#count(RELAY_CUT_AT_MESSAGE, this.#world.relayNetwork.cutAtMessage);
  }

  #choose(): Kind {
    const total = this.#kinds.reduce((sum, [, weight]) => sum + weight, 0);
    let at = this.#random.next() * total;
    for (const kind of this.#kinds) {
      at -= kind[1];
      if (at < 0) return kind;
    }
    throw new Error("the weights do not add up");
  }

  #count(name: string, times = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  /* ------------------------------------------------ publishers and viewers */

  #startRelayPublisher(restarts: boolean): boolean {
    const { relayPublishers } = this.#world;
    const path = this.#random.pick(
      restarts ? [...relayPublishers.keys()] : [...RELAY_NAMES, ...SHARED_NAMES],
    );
    if (path === undefined || relayPublishers.has(path) !== restarts) return false;
    this.#say(`a publisher ${restarts ? "restarts" : "starts"} on the relay: ${path}`);
    this.#world.startRelayPublisher(path);
    return true;
  }

  #endRelayPublisher(): boolean {
    const path = this.#random.pick([...this.#world.relayPublishers.keys()]);
    if (path === undefined) return false;
    this.#say(`a publisher on the relay ends: ${path}`);
    this.#world.stopRelayPublisher(path);
    return true;
  }

  #startCdnPublisher(): boolean {
    const path = this.#random.pick([...CDN_NAMES, ...SHARED_NAMES]);
    if (path === undefined || this.#world.cdnPublishers.has(path)) return false;
    this.#beginCdnPublisher(path);
    return true;
  }

  #restartCdnPublisher(how: "stop" | "kill"): boolean {
    const path = this.#random.pick([...this.#world.cdnPublishers.keys()]);
    if (path === undefined) return false;
    this.#say(`${how} of a publisher on Cloudflare: ${path}`);
    this.#world.endCdnPublisher(path, how);
    this.#beginCdnPublisher(path);
    return true;
  }

  #beginCdnPublisher(path: string): void {
    this.#say(`a publisher starts on Cloudflare: ${path}`);
    this.#world.startCdnPublisher(path);
    if (this.#random.chance(0.8)) this.#row(path);
  }

  #endCdnPublisher(how: "stop" | "kill"): boolean {
    const path = this.#random.pick([...this.#world.cdnPublishers.keys()]);
    if (path === undefined) return false;
    this.#say(`${how} of a publisher on Cloudflare: ${path}`);
    this.#world.endCdnPublisher(path, how);
    if (this.#random.chance(0.6)) this.#world.registry.rows.delete(path);
    return true;
  }

  #viewOnRelay(): boolean {
    const path = this.#random.pick(this.#world.announcedOnRelay());
    if (path === undefined || !this.#world.joinRelay(path)) return false;
    this.#say(`a viewer joins on the relay: ${path}`);
    return true;
  }

  #viewOnCdn(): boolean {
    if (this.#world.cdnViewers.length >= MAX_CDN_VIEWERS) return false;
    const path = this.#random.pick(NAMES) ?? "";
    this.#say(`a viewer joins on Cloudflare: ${path}`);
    this.#world.joinCdn(path);
    return true;
  }

  #leaveRelay(): boolean {
    const { length } = this.#world.relayViewers;
    this.#world.leaveRelay(this.#random.below(length));
    return length > 0;
  }

  #leaveCdn(): boolean {
    const { length } = this.#world.cdnViewers;
    this.#world.leaveCdn(this.#random.below(length));
    return length > 0;
  }

  /* ------------------------------------------------------------ registry */

  #row(path: string): void {
    this.#world.registry.rows.set(path, `2026-01-01 00:00:${10 + this.#random.below(49)}`);
  }

  #list(): boolean {
    const path = this.#random.pick(NAMES) ?? "";
    this.#say(`the registry lists ${path}`);
    this.#row(path);
    return true;
  }

  #drop(): boolean {
    const path = this.#random.pick([...this.#world.registry.rows.keys()]);
    if (path === undefined) return false;
    this.#say(`the registry drops ${path}`);
    return this.#world.registry.rows.delete(path);
  }

  #setTrouble(trouble: (typeof REGISTRY_TROUBLES)[number] | undefined): boolean {
    const { registry } = this.#world;
    if (registry.trouble === trouble) return false;
    this.#say(`the registry is ${trouble ?? "well again"}`);
    registry.trouble = trouble;
    return true;
  }

  /* --------------------------------------------------- sessions and relays */

  #owner(): unknown {
    return this.#random.pick(this.#world.bridges)?.owner;
  }

  #cutCdn(): boolean {
    this.#say("a session with Cloudflare is cut");
    return this.#world.cdnNetwork.cut(this.#owner(), (count) => this.#random.below(count));
  }

  #cutAll(): boolean {
    this.#say("all sessions with Cloudflare are cut");
    const { size } = this.#world.cdnNetwork;
    this.#world.cdnNetwork.cutAll();
    return size > 0;
  }

  #cutRelay(): boolean {
    this.#say("a session with the relay is cut");
    return this.#world.relayNetwork.cut(this.#owner());
  }

  #cutCdnAtMessage(): boolean {
    return this.#cutAtMessage("Cloudflare", this.#world.cdnNetwork);
  }

  #cutRelayAtMessage(): boolean {
    return this.#cutAtMessage("the relay", this.#world.relayNetwork);
  }

  #cutAtMessage(side: string, network: SimulatedWorld["cdnNetwork"]): boolean {
    const deliveries = 1 + this.#random.below(MOST_DELIVERIES);
    if (this.#random.chance(0.3)) {
      this.#say(`the next session with ${side} will be cut after ${deliveries} deliveries`);
      network.cutNextAfter(deliveries);
      return true;
    }
    this.#say(`a session with ${side} will be cut after ${deliveries} deliveries`);
    return network.cutAfter(deliveries, (count) => this.#random.below(count));
  }

  #loseCdn(): boolean {
    const { cdnNetwork } = this.#world;
    if (!cdnNetwork.up) return false;
    this.#say("Cloudflare is not reachable");
    cdnNetwork.up = false;
    cdnNetwork.cutAll();
    return true;
  }

  #returnCdn(): boolean {
    const { cdnNetwork } = this.#world;
    if (cdnNetwork.up) return false;
    this.#say("Cloudflare is reachable again");
    cdnNetwork.up = true;
    return true;
  }

  #crashRelay(): boolean {
    if (!this.#world.relayNetwork.up) return false;
    this.#say("the relay crashes");
    this.#world.crashRelay();
    return true;
  }

  #restartRelay(): boolean {
    if (this.#world.relayNetwork.up) return false;
    this.#say("the relay is back");
    this.#world.restartRelay();
    return true;
  }

  /* ---------------------------------------------------------- the bridges */

  #jump(): boolean {
    this.#say("the clock jumps");
    this.#world.runtime.jumpMs = (this.#random.next() * 2 - 1) * MOST_JUMP_MS;
    return true;
  }

  #endBridge(how: "kill" | "stop"): boolean {
    const index = this.#random.below(this.#world.bridges.length);
    if (!this.#world.bridges[index]?.alive) return false;
    this.#say(`${how} of bridge ${index}`);
    if (how === "kill") this.#world.killBridge(index);
    else this.#world.stopBridge(index);
    return true;
  }

  #restartBridge(): boolean {
    const index = this.#random.below(this.#world.bridges.length);
    if (this.#world.bridges[index]?.alive) return false;
    this.#say(`bridge ${index} starts again`);
    this.#world.restartBridge(index);
    return true;
  }
}
