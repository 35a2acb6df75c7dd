import { Cursor } from "@moq-bridge/moq-wire";
import {
  decodeSubscribeReply,
  hasBareSubscribe,
  hasTrackStream,
  type LiteVersion,
  type SubscribeOptions,
  type SubscribeReply,
} from "@moq-bridge/moq-wire/lite";
import { subscriptionError } from "./errors.js";
import { ServingMachine } from "./serving-machine.js";
import { type SubscriptionAction, SubscriptionMachine } from "./subscription-machine.js";

/** What readers, publisher and network do to one track. */
export const TRACK_ACTS = [
  "demand",
  "noDemand",
  "close",
  "trackInfo",
  "refuseTrack",
  "fill",
  "group",
  "endGroup",
  "finish",
  "fail",
  "deliverRequest",
  "deliverReply",
  "deliverGroup",
  "time",
  "lose",
] as const;

/** `pick` chooses among what there is. */
export interface TrackCall {
  readonly act: (typeof TRACK_ACTS)[number];
  readonly pick: number;
}

type Request = { readonly type: "track" | "fin" } | SubscribeRequest;
interface SubscribeRequest {
  readonly type: "subscribe" | "update";
  readonly options: SubscribeOptions;
}
type Reply =
  | { readonly type: "info" | "fin" | "reset" }
  | { readonly type: "reply"; readonly reply: SubscribeReply };

/** A group's stream on its way: what of it has not arrived. */
interface GroupOnWay {
  readonly sequence: number;
  state: "begun" | "arriving";
  ended: boolean;
}

/** One request stream, with both directions' queues and the publisher's side of it. */
interface Stream {
  readonly requests: Request[];
  readonly replies: Reply[];
  readonly received: SubscribeReply["type"][];
  groups: GroupOnWay[];
  serving: ServingMachine | undefined;
  /** The publisher has not answered TRACK yet. */
  asksTrack: boolean;
  /** The subscriber has left it. */
  left: boolean;
}

const FAILURE = subscriptionError("lite_subscription_failed", "no");
const INFO = { priority: 3, maxLatencyMs: 5_000 };
const LONG_MS = 60_000;

/** The subscriber's machine, the publisher's machine of each SUBSCRIBE, the network between them, and a clock. */
export class TrackPair {
  readonly subscription: SubscriptionMachine;
  readonly #version: LiteVersion;
  readonly #streams: Stream[] = [];
  #stream: Stream | undefined;
  /** What became of the Origin's request, and of the track after it. */
  readonly #fate: SubscriptionAction["type"][] = [];
  #wanted = true;
  #closed = false;
  #lost = false;
  #nextGroup = 0;
  #now = 0;

  constructor(version: LiteVersion) {
    this.#version = version;
    this.subscription = new SubscriptionMachine({
      version,
      demand: { priority: 9 },
      maxLatencyMs: 5_000,
      idleMs: 1_000,
      endMs: 500,
    });
    this.#perform();
  }

  /** Makes a call. False when there was nothing for it to do. */
  do({ act, pick }: TrackCall): boolean {
    const done = this.#do(act, pick);
    this.#perform();
    return done;
  }

  /** What must hold: first with everything delivered, then with the publisher gone. */
  check(): void {
    this.#settle();
    this.#checkAgreement();
    if (!this.#lost) {
      this.do({ act: "fail", pick: 0 });
      this.#settle();
      this.#pass(LONG_MS);
      this.#settle();
      this.#checkAgreement();
      this.do({ act: "close", pick: 0 });
      this.#settle();
    }
    this.#checkOver();
  }

  #do(act: TrackCall["act"], pick: number): boolean {
    const { subscription } = this;
    const serving = this.#stream?.serving;
    switch (act) {
      case "demand":
        this.#wanted = true;
        subscription.handleDemand({ priority: pick }, this.#now);
        return !subscription.over;
      case "noDemand":
        this.#wanted = false;
        subscription.handleDemand(undefined, this.#now);
        return !subscription.over;
      case "close":
        if (this.#closed) return false;
        this.#closed = true;
        subscription.handleClosed();
        return true;
      case "trackInfo":
        return this.#answerTrack("info");
      case "refuseTrack":
        return this.#answerTrack("reset");
      case "fill":
        serving?.handleAccepted();
        return serving !== undefined;
      case "group":
        return this.#startGroup();
      case "endGroup":
        return this.#endGroup(pick);
      case "finish":
        serving?.handleFinished();
        return serving !== undefined && !this.#lost;
      case "fail":
        for (const stream of this.#streams) {
          stream.serving?.handleFailed(FAILURE);
          if (stream.asksTrack) this.#answerTrack("reset", stream);
        }
        return true;
      case "deliverRequest":
        return this.#streams.some((stream) => this.#deliverRequest(stream));
      case "deliverReply":
        return this.#deliverReply();
      case "deliverGroup":
        return this.#deliverGroup(pick);
      case "time":
        this.#pass(pick * 200);
        return true;
      case "lose":
        if (this.#lost) return false;
        this.#lost = true;
        subscription.handleSessionLost(FAILURE);
        for (const stream of this.#streams) stream.serving?.handlePeerEnd();
        return true;
    }
  }

  #answerTrack(type: "info" | "reset", stream = this.#stream): boolean {
    if (!stream?.asksTrack || this.#lost) return false;
    stream.asksTrack = false;
    stream.replies.push({ type });
    return true;
  }

  #startGroup(): boolean {
    const stream = this.#stream;
    if (!stream?.serving || stream.serving.over) return false;
    const sequence = this.#nextGroup++;
    if (!stream.serving.admits(sequence)) return false;
    stream.serving.handleGroup(sequence);
    stream.groups.push({ sequence, state: "begun", ended: false });
    return true;
  }

  #endGroup(pick: number): boolean {
    const open = this.#stream?.groups.filter(({ ended }) => !ended) ?? [];
    const group = open[pick % Math.max(1, open.length)];
    if (group) group.ended = true;
    return group !== undefined;
  }

  #deliverRequest(stream: Stream): boolean {
    const request = stream.requests.shift();
    if (!request || this.#lost) return false;
    switch (request.type) {
      case "track":
        stream.asksTrack = true;
        break;
      case "subscribe":
        stream.serving = new ServingMachine(this.#version, request.options);
        break;
      case "update":
        if (hasBareSubscribe(this.#version)) throw new Error("this version has no UPDATE");
        stream.serving?.handleUpdate(request.options);
        break;
      case "fin":
        stream.serving?.handlePeerEnd();
        stream.asksTrack = false;
    }
    return true;
  }

  #deliverReply(): boolean {
    const stream = this.#stream;
    const next = stream?.replies.shift();
    if (!stream || !next || this.#lost) return false;
    const { subscription } = this;
    switch (next.type) {
      case "info":
        stream.requests.push({ type: "fin" });
        this.#stream = undefined;
        stream.left = true;
        subscription.handleTrackInfo(INFO);
        break;
      case "reply":
        stream.received.push(next.reply.type);
        this.#checkReplies(stream);
        subscription.handleReply(next.reply);
        break;
      case "fin":
        subscription.handleFin(this.#now);
        break;
      case "reset":
        subscription.handleFailure(FAILURE, this.#now);
    }
    return true;
  }

  /** A group's first bytes, or its end, arrive: in any order among groups, and with what is on the request stream. */
  #deliverGroup(pick: number): boolean {
    const groups = this.#stream?.groups ?? [];
    const ready = groups.filter(({ state, ended }) => state === "begun" || ended);
    const group = ready[pick % Math.max(1, ready.length)];
    if (!group || !this.#stream || this.#lost) return false;
    if (group.state === "begun") {
      group.state = "arriving";
      this.subscription.handleGroupBegin(group.sequence);
    } else {
      this.#stream.groups = groups.filter((each) => each !== group);
      this.subscription.handleGroupEnd(this.#now);
    }
    return true;
  }

  /** Lets time pass as the driver does: a timer rings when it said, and must not ring again at once for ever. */
  #pass(ms: number): void {
    const until = this.#now + ms;
    for (let rings = 0; ; rings++) {
      const at = this.subscription.pollTimeout();
      if (at === undefined || at > until || this.subscription.over) break;
      if (rings > 10) throw new Error("a timer rings for ever");
      this.#now = Math.max(this.#now, at);
      this.subscription.handleTimeout(this.#now);
      this.#perform();
    }
    this.#now = until;
  }

  #settle(): void {
    this.#perform();
    while (
      this.do({ act: "deliverRequest", pick: 0 }) ||
      this.do({ act: "deliverReply", pick: 0 }) ||
      this.do({ act: "deliverGroup", pick: 0 }) ||
      this.do({ act: "endGroup", pick: 0 })
    );
  }

  #perform(): void {
    for (const stream of this.#streams) this.#performServing(stream);
    for (;;) {
      const action = this.subscription.pollAction();
      if (!action) break;
      this.#performAction(action);
    }
    if (this.subscription.over) this.#leave();
  }

  #performAction(action: SubscriptionAction): void {
    switch (action.type) {
      case "askTrack":
        this.#open({ type: "track" });
        break;
      case "subscribe":
        this.#open({ type: "subscribe", options: action.options });
        break;
      case "update":
        this.#stream?.requests.push({ type: "update", options: action.options });
        break;
      case "leave":
        this.#leave();
        break;
      default:
        this.#fate.push(action.type);
        this.#checkFate();
    }
  }

  #open(request: Request): void {
    if (this.#stream) throw new Error("a stream is opened beside another");
    this.#stream = {
      requests: [request],
      replies: [],
      received: [],
      groups: [],
      serving: undefined,
      asksTrack: false,
      left: false,
    };
    this.#streams.push(this.#stream);
  }

  #leave(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (!stream) return;
    stream.left = true;
    stream.requests.push({ type: "fin" });
    const arriving = stream.groups.filter(({ state }) => state === "arriving");
    stream.groups = [];
    for (const _ of arriving) {
      if (!this.subscription.over) this.subscription.handleGroupEnd(this.#now);
    }
  }

  #performServing(stream: Stream): void {
    const { serving } = stream;
    for (let action = serving?.pollAction(); action; action = serving?.pollAction()) {
      switch (action.type) {
        case "reply": {
          const cursor = new Cursor(action.bytes);
          stream.replies.push({
            type: "reply",
            reply: decodeSubscribeReply(this.#version, cursor),
          });
          break;
        }
        case "finish":
          for (const group of stream.groups) group.ended = true;
          stream.replies.push({ type: "fin" });
          break;
        case "reset":
        case "cancel":
          for (const group of stream.groups) group.ended = true;
          stream.replies.push({ type: "reset" });
      }
    }
  }

  /** Up to lite-04 one OK comes, and first; from lite-05 on one START at most, and after END nothing. */
  #checkReplies({ received }: Stream): void {
    const text = received.join(" ");
    const legal = hasTrackStream(this.#version) ? /^(start)?( ?end)?$/ : /^ok$/;
    if (!legal.test(text)) throw new Error(`the replies were ${text}`);
  }

  /** The Origin's request is answered once; what follows an acceptance is over once. */
  #checkFate(): void {
    const text = this.#fate.join(" ");
    const legal = /^(reject|accept( detach)*( finish| abort)?)$/;
    if (!legal.test(text)) throw new Error(`the track's fate was ${text}`);
  }

  /** What the subscriber holds to be live the publisher serves, and nothing else. */
  #checkAgreement(): void {
    const { subscription } = this;
    const served = this.#streams.filter(({ serving }) => serving && !serving.over);
    const wanted = this.#stream?.serving;
    if (served.some(({ serving }) => serving !== wanted)) {
      throw new Error("the publisher serves what was left");
    }
    if (this.#wanted && !subscription.over && !this.#stream) {
      throw new Error("a track with readers is not asked for");
    }
    if (subscription.over && this.#stream) throw new Error("a stream is held after the end");
    if (this.#streams.some(({ left, requests }) => left && requests.length > 0 && !this.#lost)) {
      throw new Error("a stream that was left is not over for the publisher");
    }
    if (subscription.over && !this.#closed && this.#fate.length === 0) {
      throw new Error("the request was left without an answer");
    }
  }

  #checkOver(): void {
    const { subscription } = this;
    if (!subscription.over) throw new Error("the subscription is not over");
    if (subscription.pollTimeout() !== undefined) throw new Error("something is waited for");
    if (this.#streams.some(({ serving }) => serving && !serving.over)) {
      throw new Error("something is served after the end");
    }
  }
}
