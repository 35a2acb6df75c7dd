import { CLOUDFLARE_HOSTED, CLOUDFLARE_OSS, type Ietf14Rules } from "@moq-bridge/relay";
import { Random } from "./random.fixture.js";
import { NAMES, RandomEvents, SHARED_NAMES } from "./random-events.fixture.js";
import { FRAMES_PER_GROUP } from "./simulated-publisher.fixture.js";
import { SimulatedWorld } from "./simulated-world.fixture.js";

/** A name is taken within this long after the network let it go. */
const TAKEN_MS = 4_000;
/** Where the network may forget a name and tell nobody, one name is asked for this often. */
const CHECK_MS = 10_000;
/** A registry that failed again and again is asked again within 30 s. */
const REGISTRY_MS = 31_000;
/** A viewer that joins when all is well sees frames within this long. */
const WATCH_MS = 6_000;
/** What nobody asks for any more is let go within this long. */
const IDLE_MS = 45_000;
/** What must not be said to Cloudflare's relay, and what it must not be asked to bear. */
const NEVER_APPLIED = [
  "onFatalMessage",
  "secondAnnounceFatal",
  "announcedBeforeCancel",
  "answeredRequests",
  "namesPerSession",
  "overtakenGroupEndsTrack",
] as const;

/** What a history came to. */
export interface HistoryResult {
  /** All that was not as it must be, in words. */
  readonly wrong: readonly string[];
  /** What was done, and what the bridges said. */
  readonly log: readonly string[];
  /** How often each kind of event happened. */
  readonly events: ReadonlyMap<string, number>;
}

/** One random history, the same for the same seed. */
export class History {
  readonly world: SimulatedWorld;
  readonly rules: Ietf14Rules;
  readonly #seed: number;
  readonly #random: Random;
  readonly #events: RandomEvents;
  readonly #log: string[] = [];
  readonly #wrong: string[] = [];

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.rules = this.#random.chance(0.5) ? CLOUDFLARE_OSS : CLOUDFLARE_HOSTED;
    this.world = new SimulatedWorld({
      seed,
      rules: this.rules,
      bridges: this.#random.chance(0.4) ? 2 : 1,
      latencyMs: this.#random.chance(0.3) ? 1 + this.#random.below(40) : 0,
      protocol: this.#random.chance(0.8) ? "moq-lite-05" : "moq-lite-04",
    });
    this.#events = new RandomEvents(this.world, this.#random, (what) => this.#did(what));
  }

  async run(): Promise<HistoryResult> {
    const { world } = this;
    await world.runtime.advance(1_000);
    const freshStreams = world.bridgeStreams;
    const steps = 10 + this.#random.below(40);
    for (let step = 0; step < steps; step++) {
      this.#events.step();
      const pause = this.#random.chance(0.3) ? this.#random.below(8) : this.#random.below(3_000);
      await world.runtime.advance(pause);
    }
    await this.#settle();
    await this.#check();
    await this.#empty(freshStreams);
    const left = await world.end();
    this.#wrong.push(...world.faults, ...left.map((what) => `left over: ${what}`));
    this.#checkRules();
    this.#events.finish();
    const wrong = this.#wrong.map((what) => `seed ${this.#seed} (${this.rules.name}): ${what}`);
    const log = [...this.#log, ...world.lines].sort((a, b) => timeOf(a) - timeOf(b));
    return { wrong, log, events: this.#events.counts };
  }

  /** The faults stop, the registry tells the truth, and time passes. */
  async #settle(): Promise<void> {
    const { world } = this;
    this.#did("the faults stop");
    world.calm();
    // A name that both sides have is a conflict, for which there is no one truth.
    for (const path of SHARED_NAMES) {
      if (!world.relayPublishers.has(path)) continue;
      if (this.#random.chance(0.5)) world.stopRelayPublisher(path);
      else if (world.cdnPublishers.has(path)) world.endCdnPublisher(path, "stop");
    }
    if (this.rules.duplicatesAccepted) {
      // The end of another claim takes a name away and its publisher is not told: not the bridge's to mend.
      world.renewCdnPublishers(SHARED_NAMES);
    }
    const { rows } = world.registry;
    for (const path of [...rows.keys()]) if (!world.cdnPublishers.has(path)) rows.delete(path);
    for (const path of world.cdnPublishers.keys()) {
      if (!rows.has(path)) rows.set(path, "2026-01-01 00:02:00");
    }
    const { heldAfterLossMs, duplicatesAccepted } = this.rules;
    const names = [...this.#expected().keys()].sort();
    const checkedMs = duplicatesAccepted ? CHECK_MS * names.length : 0;
    await world.runtime.advance(heldAfterLossMs + checkedMs + TAKEN_MS);
    this.#checkCdn(names.join(), "after the network's hold");
    await world.runtime.advance(REGISTRY_MS);
  }

  #checkCdn(names: string, when: string): void {
    const onCdn = this.world.cdn.names.join();
    if (onCdn !== names) this.#wrong.push(`${when} Cloudflare has ${onCdn}, not ${names}`);
  }

  /** What is live, by path, and what its frames say. */
  #expected(): Map<string, string> {
    const { relayPublishers, cdnPublishers } = this.world;
    const live = [...relayPublishers, ...cdnPublishers];
    return new Map(live.map(([path, { content }]) => [path, content.label]));
  }

  async #check(): Promise<void> {
    const { world } = this;
    const expected = this.#expected();
    const names = [...expected.keys()].sort().join();
    const announced = world.announcedOnRelay().join();
    if (announced !== names) this.#wrong.push(`the relay announces ${announced}, not ${names}`);
    this.#checkCdn(names, "in the end");
    this.#checkStatus(expected);
    await this.#watch(expected);
  }

  /** Whoever joins now, and whoever joined before, sees what is live, all of it and nothing else. */
  async #watch(expected: ReadonlyMap<string, string>): Promise<void> {
    const { world } = this;
    const relayBefore = world.relayViewers.map((viewer) => ({ viewer, was: viewer.frames.total }));
    const cdnBefore = world.cdnViewers.map((viewer) => ({
      viewer,
      was: viewer.counts.get(expected.get(viewer.path) ?? "") ?? 0,
    }));
    const joined = NAMES.map((path) => ({
      path,
      relay: world.joinRelay(path)?.frames,
      cdn: world.joinCdn(path),
    }));
    await world.runtime.advance(WATCH_MS);
    for (const { path, relay, cdn } of joined) {
      const label = expected.get(path);
      const onRelay = [...(relay?.counts.keys() ?? [])].join();
      const onCdn = [...cdn.counts.keys()].join();
      if (onRelay !== (label ?? "")) this.#wrong.push(`on the relay ${path} is "${onRelay}"`);
      if (onCdn !== (label ?? "")) this.#wrong.push(`on Cloudflare ${path} is "${onCdn}"`);
      if (label !== undefined && cdn.views.length > 1) {
        this.#wrong.push(`a viewer of ${path} on Cloudflare had to ask ${cdn.views.length} times`);
      }
      for (const view of [...cdn.views, ...(relay ? [relay] : [])]) {
        this.#wrong.push(...view.gaps(FRAMES_PER_GROUP));
      }
    }
    for (const { viewer, was } of relayBefore) {
      const { path, frames } = viewer;
      if (frames.ended || frames.total > was || !expected.has(path)) continue;
      this.#wrong.push(`an earlier viewer of ${path} on the relay waits in silence`);
    }
    for (const { viewer, was } of cdnBefore) {
      const label = expected.get(viewer.path);
      if (label === undefined || (viewer.counts.get(label) ?? 0) > was) continue;
      this.#wrong.push(`an earlier viewer of ${viewer.path} on Cloudflare waits in silence`);
    }
  }

  /** Each broadcast is announced the other way, by one bridge; another one says that it is held. */
  #checkStatus(expected: ReadonlyMap<string, string>): void {
    const { world } = this;
    const states = world.bridges.map(({ bridge }) => bridge.status());
    for (const { cloudflare } of states) {
      if (cloudflare.waiting > 0) this.#wrong.push("work waits for a session");
    }
    for (const path of NAMES) {
      const direction = world.relayPublishers.has(path) ? "to-cloudflare" : "to-relay";
      const said = states.flatMap(({ broadcasts }) =>
        broadcasts.filter((broadcast) => broadcast.path === path),
      );
      const announced = said.filter(({ state }) => state === "announced");
      const standby = said.filter(({ state }) => state === "conflict");
      const alone = direction === "to-cloudflare" && !this.rules.duplicatesAccepted;
      const count = expected.has(path) ? (alone ? 1 : states.length) : 0;
      const wrong =
        announced.length !== count ||
        announced.length + standby.length !== (expected.has(path) ? states.length : 0) ||
        said.some((broadcast) => broadcast.direction !== direction);
      if (wrong) this.#wrong.push(`the status of ${path} is ${JSON.stringify(said)}`);
    }
  }

  /** Everybody leaves: the bridges are as they were when they had just started. */
  async #empty(freshStreams: number): Promise<void> {
    const { world } = this;
    this.#did("everybody leaves");
    world.leaveAll();
    await world.runtime.advance(IDLE_MS);
    for (const { bridge } of world.bridges) {
      const { broadcasts, cloudflare } = bridge.status();
      if (broadcasts.length > 0) this.#wrong.push(`left over: ${JSON.stringify(broadcasts)}`);
      const work = cloudflare.sessions.map(({ names, tracks }) => names + tracks);
      if (work.join() !== "0") this.#wrong.push(`left over: work on sessions, ${work}`);
    }
    const streams = world.bridgeStreams;
    if (streams !== freshStreams) {
      this.#wrong.push(`left over: ${streams} streams, where there were ${freshStreams}`);
    }
  }

  #checkRules(): void {
    const { counts } = this.world.cdn;
    for (const rule of NEVER_APPLIED) {
      if (counts[rule] !== undefined) this.#wrong.push(`${rule} was applied ${counts[rule]} times`);
    }
  }

  #did(what: string): void {
    this.#log.push(`${this.world.runtime.now()} ${what}`);
  }
}

function timeOf(line: string): number {
  return Number(line.split(" ", 1)[0]);
}
