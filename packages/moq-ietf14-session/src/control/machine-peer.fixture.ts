import type {
  ControlMessage,
  ControlMessageType,
  SubscriptionFilter,
} from "@moq-bridge/moq-wire/ietf14";
import type { PeerProfile } from "../profile.js";
import type { SessionEvent } from "./events.js";
import type { Act } from "./machine-pair.fixture.js";
import { SessionMachine } from "./session-machine.js";

export type Side = "client" | "server";

/** Vitest's own assertions are too slow for millions of steps. @throws {Error} */
export function must(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise);
}

/** Something that was asked for, by either side, and how far it is. */
interface Held {
  readonly name: string;
  state: "asked" | "live";
}

const FILTERS: readonly SubscriptionFilter[] = [
  { type: "largest_object" },
  { type: "next_group_start" },
  { type: "absolute_start", start: { group: 3, object: 1 } },
  { type: "absolute_range", start: { group: 3, object: 1 }, endGroup: 7 },
];

/** One side: its control machine, and what its application knows from what it called and was told. */
export class MachinePeer {
  readonly machine: SessionMachine;
  readonly profile: PeerProfile;
  /** Messages on their way to the other side. */
  readonly sent: ControlMessage[] = [];
  /** Our requests by ID: how often each was answered, and whether we gave it up. */
  readonly requests = new Map<
    number,
    { readonly type: ControlMessageType; answers: number; givenUp: boolean }
  >();
  readonly subscriptions = new Map<number, Held>();
  readonly publications = new Map<number, Held>();
  readonly prefixes = new Map<number, Held>();
  readonly served = new Map<number, Held>();
  readonly asked = new Set<number>();
  readonly statuses = new Set<number>();
  readonly offers = new Map<number, Held>();
  readonly peerPrefixes = new Map<number, Held>();
  #nextAlias = 0;

  constructor(side: Side, profile: PeerProfile) {
    this.profile = profile;
    this.machine = new SessionMachine({ side, profile, servesPrefixes: true, now: 0 });
  }

  /** Names of what is live, sorted. */
  live(
    what: "subscriptions" | "publications" | "prefixes" | "served" | "offers" | "peerPrefixes",
  ): string[] {
    const live = [...this[what].values()].filter(({ state }) => state === "live");
    return live.map(({ name }) => name).sort();
  }

  handleMessage(message: ControlMessage, now: number): void {
    if ("requestId" in message && /_(ok|error)$/.test(message.type)) {
      const request = this.requests.get(Number(message.requestId));
      if (request) request.answers++;
    }
    this.machine.handleMessage(message, now);
  }

  poll(): void {
    const { machine } = this;
    for (let message = machine.pollMessage(); message; message = machine.pollMessage()) {
      must(this.profile.sends.has(message.type), `${message.type} was sent`);
      this.#note(message);
      this.sent.push(message);
    }
    for (let event = machine.pollEvent(); event; event = machine.pollEvent()) this.#handle(event);
  }

  /** False when there is nothing to do it to. @throws {MoqError} for a call that is not allowed */
  act(act: Act, pick: number, now: number): boolean {
    const { subscriber, publisher, namespacePublisher, namespaceSubscriber } = this.machine;
    const name = `n${pick % 3}`;
    const first = (of: ReadonlyMap<number, unknown> | ReadonlySet<number>) =>
      [...of.keys()][pick % Math.max(1, of.size)];
    switch (act) {
      case "subscribe": {
        const handle = subscriber.subscribe(this.#subscribe(name, `t${pick % 4}`, pick), now);
        this.subscriptions.set(handle, { name: `${name} t${pick % 4}`, state: "asked" });
        return true;
      }
      case "unsubscribe": {
        const handle = first(this.subscriptions);
        if (handle === undefined) return false;
        subscriber.unsubscribe(handle);
        return this.subscriptions.delete(handle);
      }
      case "update": {
        const handle = first(this.subscriptions);
        if (handle !== undefined) subscriber.update(handle, pick % 256);
        return handle !== undefined;
      }
      case "publish":
        this.publications.set(namespacePublisher.publish([name], now), { name, state: "asked" });
        return true;
      case "withdraw": {
        const handle = first(this.publications);
        if (handle !== undefined) namespacePublisher.withdraw(handle, now);
        return handle !== undefined;
      }
      case "prefix":
        this.prefixes.set(namespaceSubscriber.subscribe([name], now), { name, state: "asked" });
        return true;
      case "endPrefix": {
        const handle = first(this.prefixes);
        if (handle === undefined) return false;
        namespaceSubscriber.unsubscribe(handle);
        return this.prefixes.delete(handle);
      }
      case "status":
        this.asked.add(this.machine.status.ask([name], "t", now));
        return true;
      case "fetch":
        return this.#request((requestId) => ({
          type: "fetch",
          requestId,
          subscriberPriority: 0,
          groupOrder: "publisher",
          range: { type: "absolute_joining", joiningRequestId: 1_000_000, joiningStart: 0 },
          parameters: [],
        }));
      case "offerTrack":
        return this.#request((requestId) => ({
          type: "publish",
          requestId,
          trackNamespace: [name],
          trackName: "t",
          trackAlias: 1_000_000 + pick,
          groupOrder: "ascending",
          largestLocation: undefined,
          forward: true,
          parameters: [],
        }));
      case "accept": {
        const id = first(this.served);
        const held = id === undefined ? undefined : this.served.get(id);
        if (id === undefined || held?.state !== "asked") return false;
        must(publisher.accept(id, this.#nextAlias++), `request ${id} could not be accepted`);
        held.state = "live";
        return true;
      }
      case "refuse": {
        const id = first(this.served);
        if (id === undefined || this.served.get(id)?.state !== "asked") return false;
        publisher.refuse(id, 4, "no");
        return this.served.delete(id);
      }
      case "finish": {
        const id = first(this.served);
        if (id === undefined || this.served.get(id)?.state !== "live") return false;
        publisher.finish(id, 2, 0, "over");
        return this.served.delete(id);
      }
      case "answerStatus": {
        const id = first(this.statuses);
        if (id === undefined) return false;
        publisher.answerTrackStatus(id, pick % 2 === 0 ? undefined : 4);
        return this.statuses.delete(id);
      }
      case "accepted": {
        const id = first(this.offers);
        const held = id === undefined ? undefined : this.offers.get(id);
        if (id === undefined || held?.state !== "asked") return false;
        namespaceSubscriber.answer(held.name.split("/"), id);
        held.state = "live";
        return true;
      }
      case "rejected": {
        const id = first(this.offers);
        const held = id === undefined ? undefined : this.offers.get(id);
        if (id === undefined || held?.state !== "asked") return false;
        namespaceSubscriber.answer(held.name.split("/"), id, [4, "no"]);
        return this.offers.delete(id);
      }
      case "cancel": {
        const id = first(this.offers);
        const held = id === undefined ? undefined : this.offers.get(id);
        if (id === undefined || held?.state !== "live") return false;
        namespaceSubscriber.cancel(held.name.split("/"), id, 0, "back");
        return this.offers.delete(id);
      }
      case "goaway":
        this.machine.sendGoaway("");
        return true;
      default:
        throw new Error(`${act} is not an application's`);
    }
  }

  /** Answers whatever was asked, this way or the other. False when nothing was. */
  answerAll(way: number): boolean {
    let any = false;
    for (const [act, of] of [
      [way % 2 ? "accept" : "refuse", this.served],
      [way % 2 ? "accepted" : "rejected", this.offers],
      ["answerStatus", this.statuses],
    ] as const) {
      for (let pick = of.size - 1; pick >= 0; pick--) any = this.act(act, pick, 0) || any;
    }
    this.poll();
    return any;
  }

  /** Ends all that this side can. */
  endAll(now: number): void {
    for (const handle of this.subscriptions.keys()) this.machine.subscriber.unsubscribe(handle);
    this.subscriptions.clear();
    for (const handle of this.prefixes.keys()) this.machine.namespaceSubscriber.unsubscribe(handle);
    this.prefixes.clear();
    for (const handle of this.publications.keys()) {
      this.machine.namespacePublisher.withdraw(handle, now);
    }
    this.poll();
  }

  #subscribe(namespace: string, trackName: string, pick: number) {
    return {
      trackNamespace: [namespace],
      trackName,
      subscriberPriority: 0,
      groupOrder: "publisher",
      forward: pick % 2 === 0,
      filter: FILTERS[pick % FILTERS.length] ?? { type: "largest_object" },
      parameters: [],
    } as const;
  }

  #request(send: (requestId: number) => ControlMessage): true {
    this.machine.ledger.request({ isCancelled: () => false, send });
    return true;
  }

  #note(message: ControlMessage): void {
    const { type } = message;
    if (type === "unsubscribe") {
      const request = this.requests.get(message.requestId);
      if (request) request.givenUp = true;
    } else if (
      /^(subscribe|subscribe_update|fetch|publish|track_status)$|^(publish|subscribe)_namespace$/.test(
        type,
      ) &&
      "requestId" in message
    ) {
      this.requests.set(Number(message.requestId), { type, answers: 0, givenUp: false });
    }
  }

  #handle(event: SessionEvent): void {
    const accept = (of: Map<number, Held>, handle: number) => {
      const held = of.get(handle);
      must(held?.state === "asked", `${handle} was accepted, but not asked`);
      if (held) held.state = "live";
    };
    const end = (of: Map<number, Held>, handle: number) =>
      must(of.delete(handle), `${handle} ended, but was over`);
    switch (event.type) {
      case "subscription_accepted":
        accept(this.subscriptions, event.handle);
        break;
      case "subscription_refused":
      case "subscription_done":
        end(this.subscriptions, event.handle);
        break;
      case "publication_accepted":
        accept(this.publications, event.handle);
        break;
      case "publication_refused":
      case "publication_cancelled":
      case "publication_withdrawn":
        end(this.publications, event.handle);
        break;
      case "prefix_accepted":
        accept(this.prefixes, event.handle);
        break;
      case "prefix_refused":
        end(this.prefixes, event.handle);
        break;
      case "status_answered":
      case "status_refused":
        must(this.asked.delete(event.handle), `status ${event.handle} was answered again`);
        break;
      case "peer_subscribe":
        this.served.set(event.requestId, { name: `${event.path} ${event.track}`, state: "asked" });
        break;
      case "peer_unsubscribe":
        end(this.served, event.requestId);
        break;
      case "peer_track_status":
        this.statuses.add(event.requestId);
        break;
      case "peer_namespace":
        this.offers.set(event.requestId, { name: event.path, state: "asked" });
        break;
      case "peer_namespace_done":
        end(this.offers, event.requestId);
        break;
      case "peer_prefix":
        this.peerPrefixes.set(event.requestId, { name: event.prefix.join("/"), state: "live" });
        break;
      case "peer_prefix_done":
        end(this.peerPrefixes, event.requestId);
        break;
      case "peer_update":
        must(this.served.has(event.requestId), `${event.requestId} was updated, but is over`);
    }
  }
}
