import { CLOUDFLARE_HOSTED, CLOUDFLARE_OSS, type Ietf14Rules } from "@moq-bridge/relay";
import { SimulatedWorld } from "./simulated-world.fixture.js";

const RELAY_NAMES = ["relay/a", "relay/b", "relay/c"];
const CDN_NAMES = ["cdn/a", "cdn/b", "cdn/c"];
/** Names that both sides may use, at once as well. */
const SHARED_NAMES = ["both/a", "both/b"];
const NAMES = [...RELAY_NAMES, ...CDN_NAMES, ...SHARED_NAMES];

/** After the faults stop everything is as the model says within this long: the network's hold of a dead publisher's name, and 10 s. */
const SETTLED_AFTER_HOLD_MS = 20_000;
/** A viewer that joins then sees frames within this long. */
const WATCH_MS = 6_000;

/** What a history came to: all that was not as it must be, in words. */
export interface HistoryResult {
  readonly wrong: readonly string[];
  /** What was done, and what the bridges said. */
  readonly log: readonly string[];
}

/** mulberry32 */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One random history, the same for the same seed. */
export class History {
  readonly world: SimulatedWorld;
  readonly rules: Ietf14Rules;
  readonly #seed: number;
  readonly #random: () => number;
  readonly #log: string[] = [];
  readonly #wrong: string[] = [];

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = randomNumbers(seed);
    this.rules = this.#chance(0.5) ? CLOUDFLARE_OSS : CLOUDFLARE_HOSTED;
    // Who holds a name twice is not told on the hosted network: two bridges need the refusal.
    const twoBridges = this.rules === CLOUDFLARE_OSS && this.#chance(0.4);
    this.world = new SimulatedWorld({
      seed,
      rules: this.rules,
      bridges: twoBridges ? 2 : 1,
      latencyMs: this.#chance(0.3) ? 1 + this.#below(40) : 0,
    });
  }

  async run(): Promise<HistoryResult> {
    const { world } = this;
    await world.runtime.advance(1_000);
    const steps = 10 + this.#below(40);
    for (let step = 0; step < steps; step++) {
      this.#step();
      await world.runtime.advance(this.#chance(0.3) ? this.#below(8) : this.#below(3_000));
    }
    await this.#settle();
    await this.#check();
    const left = await world.end();
    this.#wrong.push(...world.faults, ...left.map((what) => `left over: ${what}`));
    const wrong = this.#wrong.map((what) => `seed ${this.#seed} (${this.rules.name}): ${what}`);
    return { wrong, log: [...this.#log, ...world.lines].sort((a, b) => timeOf(a) - timeOf(b)) };
  }

  #step(): void {
    const kinds = [
      () => this.#startRelayPublisher(),
      () => this.#startRelayPublisher(),
      () => this.#endRelayPublisher(),
      () => this.#startCdnPublisher(),
      () => this.#startCdnPublisher(),
      () => this.#endCdnPublisher(),
      () => this.#editRegistry(),
      () => this.#view(),
      () => this.#view(),
      () => this.#view(),
      () => this.#leave(),
      () => this.#disturb(),
      () => this.#disturb(),
    ];
    kinds[this.#below(kinds.length)]?.();
  }

  #startRelayPublisher(): void {
    const path = this.#pick([...RELAY_NAMES, ...SHARED_NAMES]);
    this.#did(`a publisher starts on the relay: ${path}`);
    this.world.startRelayPublisher(path);
  }

  #endRelayPublisher(): void {
    const path = this.#pick([...this.world.relayPublishers.keys()]);
    if (path === undefined) return;
    this.#did(`a publisher on the relay ends: ${path}`);
    this.world.stopRelayPublisher(path);
  }

  #startCdnPublisher(): void {
    const { world } = this;
    // Where duplicates are accepted, who holds a name that both sides publish is not decided.
    const shared = this.rules.duplicatesAccepted ? [] : SHARED_NAMES;
    const path = this.#pick([...CDN_NAMES, ...shared]);
    const before = world.cdnPublishers.has(path);
    const how = this.#chance(0.5) ? "stop" : "kill";
    if (before) world.endCdnPublisher(path, how);
    this.#did(`a publisher starts on Cloudflare: ${path}${before ? `, after ${how}` : ""}`);
    world.startCdnPublisher(path);
    if (this.#chance(0.8)) world.rows.set(path, `2026-01-01 00:00:${10 + this.#below(49)}`);
  }

  #endCdnPublisher(): void {
    const path = this.#pick([...this.world.cdnPublishers.keys()]);
    if (path === undefined) return;
    const how = this.#chance(0.5) ? "stop" : "kill";
    this.#did(`a publisher on Cloudflare ends (${how}): ${path}`);
    this.world.endCdnPublisher(path, how);
    if (this.#chance(0.6)) this.world.rows.delete(path);
  }

  #editRegistry(): void {
    const { world } = this;
    const path = this.#pick(NAMES);
    const listed = world.rows.delete(path);
    if (!listed || this.#chance(0.3)) {
      world.rows.set(path, `2026-01-01 00:01:${10 + this.#below(49)}`);
    }
    this.#did(`the registry ${world.rows.has(path) ? "lists" : "drops"} ${path}`);
  }

  #view(): void {
    const path = this.#pick(NAMES);
    if (this.#chance(0.6)) {
      const joined = this.world.joinRelay(path);
      if (joined) this.#did(`a viewer joins on the relay: ${path}`);
    } else if (this.world.cdnViewers.length < 4) {
      this.#did(`a viewer joins on Cloudflare: ${path}`);
      this.world.joinCdn(path);
    }
  }

  #leave(): void {
    const { world } = this;
    if (this.#chance(0.5)) world.leaveRelay(this.#below(world.relayViewers.length));
    else world.leaveCdn(this.#below(world.cdnViewers.length));
  }

  #disturb(): void {
    const { world } = this;
    const index = this.#below(world.bridges.length);
    const owner = world.bridges[index]?.owner;
    const disturbances: [string, () => void][] = [
      [
        "a session with Cloudflare is cut",
        () => world.cdnNetwork.cut(owner, (n) => this.#below(n)),
      ],
      ["all sessions with Cloudflare are cut", () => world.cdnNetwork.cutAll()],
      ["a session with the relay is cut", () => world.relayNetwork.cut(owner)],
      ["Cloudflare is not reachable", () => this.#flip(world.cdnNetwork)],
      ["the registry changes", () => this.#flipRegistry()],
      ["the relay crashes or returns", () => this.#flipRelay()],
      ["the clock jumps", () => this.#jump()],
      ["a bridge is killed or starts", () => this.#flipBridge(index)],
    ];
    const [what, disturb] = disturbances[this.#below(disturbances.length)] ?? ["", () => {}];
    this.#did(what);
    disturb();
  }

  #flip(network: { up: boolean; cutAll(): void }): void {
    network.up = !network.up;
    if (!network.up) network.cutAll();
  }

  #flipRegistry(): void {
    this.world.registryUp = !this.world.registryUp;
  }

  #flipRelay(): void {
    if (this.world.relayNetwork.up) this.world.crashRelay();
    else this.world.restartRelay();
  }

  #jump(): void {
    this.world.runtime.jumpMs = (this.#random() - 0.5) * 2e9;
  }

  #flipBridge(index: number): void {
    // A bridge that comes back does not know of the names that its predecessor is about to take away.
    if (this.rules.duplicatesAccepted) return;
    if (this.world.bridges[index]?.alive) this.world.killBridge(index);
    else this.world.restartBridge(index);
  }

  /** The faults stop, the registry tells the truth, and time passes. */
  async #settle(): Promise<void> {
    const { world, rules } = this;
    this.#did("the faults stop");
    world.registryUp = true;
    world.cdnNetwork.up = true;
    if (!world.relayNetwork.up) world.restartRelay();
    for (const [index, { alive }] of world.bridges.entries()) {
      if (!alive) world.restartBridge(index);
    }
    // A name that both sides have is a conflict, for which there is no one truth.
    for (const path of SHARED_NAMES) {
      if (!world.relayPublishers.has(path)) continue;
      if (this.#chance(0.5)) world.stopRelayPublisher(path);
      else world.endCdnPublisher(path, "stop");
    }
    for (const path of [...world.rows.keys()]) {
      if (!world.cdnPublishers.has(path)) world.rows.delete(path);
    }
    for (const path of world.cdnPublishers.keys()) {
      if (!world.rows.has(path)) world.rows.set(path, "2026-01-01 00:02:00");
    }
    await world.runtime.advance(rules.heldAfterLossMs + SETTLED_AFTER_HOLD_MS);
  }

  async #check(): Promise<void> {
    const { world } = this;
    const expected = [...world.relayPublishers.keys(), ...world.cdnPublishers.keys()].sort();
    const announced = world.announcedOnRelay();
    if (announced.join() !== expected.join()) {
      this.#wrong.push(`the relay announces ${announced}, expected ${expected}`);
    }
    if (world.cdn.names !== expected.length) {
      this.#wrong.push(`${world.cdn.names} names on Cloudflare, expected ${expected}`);
    }
    const checks = NAMES.map((path) => ({
      path,
      label: (world.relayPublishers.get(path) ?? world.cdnPublishers.get(path))?.content.label,
      relay: world.joinRelay(path),
      cdn: world.joinCdn(path),
    }));
    const old = world.relayViewers.map((viewer) => ({ viewer, before: viewer.frames.total }));
    await world.runtime.advance(WATCH_MS);
    for (const { path, label, relay, cdn } of checks) {
      if (label === undefined) {
        if (cdn.views.length > 0) this.#wrong.push(`${path} is found on Cloudflare`);
        continue;
      }
      if (!relay?.frames.counts.has(label)) this.#wrong.push(`${path} is not read on the relay`);
      if (!cdn.counts.has(label)) this.#wrong.push(`${path} is not read on Cloudflare`);
    }
    for (const { viewer, before } of old) {
      const { path, frames } = viewer;
      if (frames.ended || frames.total > before || !expected.includes(path)) continue;
      this.#wrong.push(`an earlier viewer of ${path} on the relay waits in silence`);
    }
    this.#checkStatus();
  }

  #checkStatus(): void {
    for (const { bridge } of this.world.bridges) {
      const { broadcasts, cloudflare } = bridge.status();
      if (cloudflare.waiting > 0) this.#wrong.push("work waits for a session");
      if (this.world.bridges.length > 1) continue;
      for (const { path, state, reason } of broadcasts) {
        if (state !== "announced") this.#wrong.push(`status of ${path}: ${state}, ${reason}`);
      }
    }
  }

  #did(what: string): void {
    this.#log.push(`${this.world.runtime.now()} ${what}`);
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T extends string>(of: readonly T[]): T {
    return of[this.#below(of.length)] as T;
  }
}

function timeOf(line: string): number {
  return Number(line.split(" ", 1)[0]);
}
