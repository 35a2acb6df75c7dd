import {
  type ControlMessage,
  type ControlMessageType,
  decodeControlMessage,
  encodeControlMessage,
} from "@moq-bridge/moq-wire/ietf14";
import { MoqError } from "@moq-bridge/runtime";
import type { PeerProfile } from "../profile.js";
import { MachinePeer, must, type Side } from "./machine-peer.fixture.js";

/** Something an application or the network does; `pick` chooses among what there is. */
export interface Call {
  readonly side: Side;
  readonly act: Act;
  readonly pick: number;
}

export const APPLICATION_ACTS = [
  "subscribe",
  "unsubscribe",
  "update",
  "publish",
  "withdraw",
  "prefix",
  "endPrefix",
  "status",
  "fetch",
  "offerTrack",
  "accept",
  "refuse",
  "finish",
  "answerStatus",
  "accepted",
  "rejected",
  "cancel",
  "goaway",
] as const;

export const NETWORK_ACTS = ["deliver", "time", "lose"] as const;

export type Act = (typeof APPLICATION_ACTS)[number] | (typeof NETWORK_ACTS)[number];

/** Errors of calls that the state or the profile does not allow: they cost their caller an error, nobody else anything. */
const MISUSE = [
  "subscription_duplicate",
  "namespace_duplicate",
  "prefix_overlap",
  "message_not_allowed",
];

/** Requests of these types are answered exactly once. */
const ANSWERED: ReadonlySet<ControlMessageType> = new Set<ControlMessageType>([
  "subscribe",
  "fetch",
  "publish",
  "publish_namespace",
  "subscribe_namespace",
  "track_status",
]);

/** Longer than any time limit of a profile. */
const LONG_MS = 100_000;

/** The control machines of both ends of a session, what is under way between them, and a clock. */
export class MachinePair {
  readonly client: MachinePeer;
  readonly server: MachinePeer;
  readonly #overWire: boolean;
  #now = 0;
  #lost = false;

  /** @param overWire whether messages are encoded and decoded on their way */
  constructor(profile: PeerProfile, overWire: boolean) {
    const sends = new Set<ControlMessageType>([...profile.sends, "fetch", "publish"]);
    this.client = new MachinePeer("client", { ...profile, sends });
    this.server = new MachinePeer("server", { ...profile, sends });
    this.#overWire = overWire;
    this.settle();
  }

  get peers(): readonly [MachinePeer, MachinePeer] {
    return [this.client, this.server];
  }

  /** Whether the session is over, lost or ended as its profile ends one in which nothing is answered. */
  get over(): boolean {
    return this.peers.some(({ machine }) => machine.state === "closed");
  }

  /** Makes a call. False when there was nothing for it to do. */
  do({ side, act, pick }: Call): boolean {
    const peer = this[side];
    let done = true;
    switch (act) {
      case "deliver":
        done = this.#deliver(side, 1 + pick);
        break;
      case "time":
        this.#pass(1 + pick * 600);
        break;
      case "lose":
        done = !this.#lost;
        this.#lost = true;
        for (const { machine } of this.peers) machine.handleControlEnd();
        break;
      default:
        try {
          done = !this.over && peer.act(act, pick, this.#now);
        } catch (error) {
          if (!(error instanceof MoqError) || !MISUSE.includes(error.code)) throw error;
          done = false;
        }
    }
    this.#poll();
    return done;
  }

  /** Delivers everything, and what that leads to. */
  settle(): void {
    this.#poll();
    while (this.#deliver("client", Infinity) || this.#deliver("server", Infinity));
  }

  /**
   * Checks what must hold after any calls: first with everything delivered and
   * answered, then with everything ended.
   */
  check(): void {
    this.settle();
    if (!this.over) {
      this.#answerAll();
      if (!this.over) this.#checkAgreement();
      for (const peer of this.peers) if (!this.over) peer.endAll(this.#now);
      this.#answerAll();
    }
    if (this.over) this.#checkClosed();
    else this.#checkEmpty();
  }

  /** The applications answer what they were asked, and what that lets the other ask; the rest times out. */
  #answerAll(): void {
    this.settle();
    for (let turn = 0; !this.over && this.peers.some((peer) => peer.answerAll(turn)); turn++) {
      this.settle();
    }
    this.#pass(LONG_MS);
    this.settle();
    for (const peer of this.peers) if (!this.over) peer.answerAll(1);
    this.settle();
  }

  /** What one end holds to be live the other does, and neither holds more. */
  #checkAgreement(): void {
    for (const [asking, serving] of [
      [this.client, this.server],
      [this.server, this.client],
    ] as const) {
      for (const [ours, theirs] of [
        ["subscriptions", "served"],
        ["publications", "offers"],
        ["prefixes", "peerPrefixes"],
      ] as const) {
        const [asked, held] = [asking.live(ours), serving.live(theirs)].map(String);
        must(asked === held, `${ours} ${asked} here, ${theirs} ${held} there`);
      }
      const { aliases } = asking.machine.subscriber;
      must(aliases === asking.live("subscriptions").length, `${aliases} aliases`);
      for (const [requestId, request] of asking.requests) {
        const { type, answers, givenUp } = request;
        const due = ANSWERED.has(type) && !givenUp ? 1 : 0;
        must(answers >= due && answers <= 1, `${type} ${requestId} has ${answers} answers`);
      }
      this.#checkSizes(asking);
    }
  }

  /** The machines hold what their applications know of, and nothing else. */
  #checkSizes(peer: MachinePeer): void {
    const { subscriber, publisher, namespacePublisher, namespaceSubscriber, ledger } = peer.machine;
    same("subscriber.size", subscriber.size, peer.subscriptions.size);
    same("publisher.size", publisher.size, peer.served.size);
    same("status.size", peer.machine.status.size, peer.asked.size);
    same("publisher.statuses", publisher.statuses, peer.statuses.size);
    same("namespacePublisher.size", namespacePublisher.size, peer.publications.size);
    same("namespaceSubscriber.namespaces", namespaceSubscriber.namespaces, peer.offers.size);
    same("namespaceSubscriber.prefixes", namespaceSubscriber.prefixes, peer.prefixes.size);
    same(
      "namespaceSubscriber.peerPrefixes",
      namespaceSubscriber.peerPrefixes,
      peer.peerPrefixes.size,
    );
    const { served, statuses, offers, peerPrefixes } = peer;
    same("ledger.open", ledger.open, served.size + statuses.size + offers.size + peerPrefixes.size);
  }

  #checkEmpty(): void {
    for (const peer of this.peers) {
      this.#checkSizes(peer);
      same("subscriber.size", peer.machine.subscriber.size, 0);
      same("subscriber.aliases", peer.machine.subscriber.aliases, 0);
      same("namespacePublisher.size", peer.machine.namespacePublisher.size, 0);
      same("namespaceSubscriber.prefixes", peer.machine.namespaceSubscriber.prefixes, 0);
      same("ledger.open", peer.machine.ledger.open, 0);
      same("ledger.blocked", peer.machine.ledger.blocked, 0);
      same("status.size", peer.machine.status.size, 0);
      must(peer.machine.pollTimeout() === undefined, "something is waited for");
    }
  }

  /** A machine whose session is over says nothing, waits for nothing and takes anything. */
  #checkClosed(): void {
    for (const peer of this.peers) {
      peer.machine.handleControlEnd();
      peer.machine.handleMessage({ type: "goaway", newSessionUri: "" }, this.#now);
      peer.machine.handleTimeout(this.#now + LONG_MS);
      peer.endAll(this.#now);
      must(peer.machine.pollMessage() === undefined, "something is said after the end");
      must(peer.machine.pollTimeout() === undefined, "something is waited for after the end");
      checkEnd(peer.machine.closeError);
    }
  }

  #deliver(from: Side, most: number): boolean {
    const peer = this[from];
    const to = from === "client" ? this.server : this.client;
    const messages = peer.sent.splice(0, most);
    for (const message of messages) {
      to.handleMessage(this.#carry(message), this.#now);
    }
    this.#poll();
    return messages.length > 0;
  }

  #carry(message: ControlMessage): ControlMessage {
    return this.#overWire ? decodeControlMessage(encodeControlMessage(message)) : message;
  }

  #pass(ms: number): void {
    this.#now += ms;
    for (const { machine } of this.peers) machine.handleTimeout(this.#now);
    this.#poll();
  }

  #poll(): void {
    for (const peer of this.peers) {
      peer.poll();
      const { closeError } = peer.machine;
      if (!closeError) continue;
      checkEnd(closeError);
      this.#lost = true;
      for (const { machine } of this.peers) machine.handleControlEnd();
    }
  }
}

/** A session is ended by the network here, or by a profile's rule for those in which nothing is answered. */
function checkEnd(error: MoqError | undefined): void {
  const { code = "no error", message } = error ?? {};
  must(["control_stream_ended", "request_unanswered"].includes(code), `${code}: ${message}`);
}

function same(what: string, actual: number, expected: number): void {
  must(actual === expected, `${what} is ${actual}, not ${expected}`);
}
