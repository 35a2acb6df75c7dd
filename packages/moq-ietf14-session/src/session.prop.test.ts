import type { BroadcastProducer, GroupProducer, TrackProducer } from "@moq-bridge/origin";
import { Origin } from "@moq-bridge/origin";
import { MoqError, settle } from "@moq-bridge/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PeerNamespace } from "./peer-namespace.js";
import { cloudflare, type PeerProfile, standard } from "./profile.js";
import { type SessionPair, sessionPair } from "./session.fixture.js";
import type { Ietf14Session } from "./session.js";
import type { Subscription } from "./subscription.js";

const PATHS = ["a", "a/b"] as const;
/** Calls that the state or the profile does not allow. */
const MISUSE = /subscription_duplicate|namespace_duplicate|prefix_overlap|message_not_allowed/;

const ACTS = [
  "subscribe",
  "unsubscribe",
  "publish",
  "withdraw",
  "frame",
  "finishGroup",
  "endTrack",
  "prefix",
  "endPrefix",
  "cancel",
] as const;

type Step =
  | {
      readonly type: (typeof ACTS)[number];
      readonly side: "client" | "server";
      readonly at: number;
    }
  | { readonly type: "wait"; readonly ms: number };

const call = fc.record({
  type: fc.constantFrom(...ACTS),
  side: fc.constantFrom("client" as const, "server" as const),
  at: fc.nat(PATHS.length - 1),
});
const frame = call.map((each) => ({ ...each, type: "frame" as const }));
const wait = fc.record({
  type: fc.constant("wait" as const),
  ms: fc.constantFrom(0, 1, 20, 1_500, 12_000),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: call },
  { weight: 5, arbitrary: frame },
  { weight: 2, arbitrary: wait },
);

/** One end: what it publishes, and what it asked for. */
class End {
  readonly session: Ietf14Session;
  readonly #runtime: SessionPair["runtime"];
  readonly #published: { broadcast: BroadcastProducer; track: TrackProducer }[] = [];
  readonly #groups = new Map<number, GroupProducer>();
  readonly #withdraw = new Map<number, () => void>();
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #prefixes = new Map<number, () => void>();
  readonly origin: Origin;
  /** The peer's namespaces, the newest first. */
  readonly #offers: readonly PeerNamespace[];
  /** Promises that must all settle once the session is over. */
  readonly pending = new Set<string>();
  received = 0;

  constructor(
    session: Ietf14Session,
    runtime: SessionPair["runtime"],
    offers: readonly PeerNamespace[],
  ) {
    this.session = session;
    this.#runtime = runtime;
    this.#offers = offers;
    this.origin = new Origin({ runtime });
    for (const path of PATHS) {
      const broadcast = this.origin.createBroadcast(path);
      this.#published.push({ broadcast, track: broadcast.createTrack("t") });
    }
  }

  do({ type, at }: Exclude<Step, { type: "wait" }>): void {
    const path = PATHS[at] ?? "";
    const published = this.#published[at];
    switch (type) {
      case "subscribe":
        this.#subscribe(at, path);
        break;
      case "unsubscribe":
        this.#subscriptions.get(at)?.unsubscribe();
        break;
      case "publish":
        this.#publish(at, path);
        break;
      case "withdraw":
        this.#withdraw.get(at)?.();
        break;
      case "frame": {
        const group = this.#groups.get(at) ?? published?.track.appendGroup();
        if (!group) break;
        this.#groups.set(at, group);
        group.writeFrame(new TextEncoder().encode(`${path} ${group.sequence}`));
        break;
      }
      case "finishGroup":
        this.#groups.get(at)?.finish();
        this.#groups.delete(at);
        break;
      case "endTrack":
        this.#groups.delete(at);
        published?.track.finish();
        if (published) published.track = published.broadcast.createTrack("t");
        break;
      case "prefix": {
        const prefix = this.session.subscribeNamespace(path);
        this.#expect("prefix", prefix.accepted);
        this.#prefixes.set(at, () => prefix.unsubscribe());
        break;
      }
      case "endPrefix":
        this.#prefixes.get(at)?.();
        break;
      case "cancel":
        this.#offers[at]?.cancel("back");
    }
  }

  #subscribe(at: number, path: string): void {
    const subscription = this.session.subscribe(path, "t");
    this.#subscriptions.set(at, subscription);
    this.#expect("accepted", subscription.accepted);
    this.#expect("done", subscription.done);
    const copy = new Origin({ runtime: this.#runtime });
    const track = copy.createBroadcast("copy").createTrack("t");
    void subscription.done.then(() => track.finish());
    subscription.accepted.then(
      () => subscription.fill(track),
      () => {},
    );
    void this.#read(path, copy);
  }

  #publish(at: number, path: string): void {
    const broadcast = this.origin.broadcast(path);
    if (!broadcast) return;
    const publication = this.session.publishNamespace(path, broadcast);
    this.#expect("published", publication.accepted);
    this.#expect("ended", publication.ended);
    this.#withdraw.set(at, () => publication.withdraw());
  }

  /** Every frame says which group it is of. */
  async #read(path: string, copy: Origin): Promise<void> {
    const track = copy.broadcast("copy")?.subscribe("t");
    for (let group = await track?.nextGroup(); group; group = await track?.nextGroup()) {
      const { sequence } = group;
      try {
        for (let each = await group.readFrame(); each; each = await group.readFrame()) {
          expect(new TextDecoder().decode(each.payload)).toBe(`${path} ${sequence}`);
          this.received++;
        }
      } catch (error) {
        // A group may break off: its subscription ended.
        expect(error).toBeInstanceOf(MoqError);
      }
    }
  }

  #expect(what: string, promise: Promise<unknown>): void {
    const name = `${what} ${this.pending.size}`;
    this.pending.add(name);
    const settled = () => this.pending.delete(name);
    promise.then(settled, settled);
  }
}

async function start(profile: PeerProfile, grantedRequests: bigint, seed: number) {
  const offers: { client: PeerNamespace[]; server: PeerNamespace[] } = { client: [], server: [] };
  let accepts = 0;
  const onPublishNamespace = (side: "client" | "server") => (offer: PeerNamespace) => {
    offers[side].unshift(offer);
    if (accepts++ % 3 === 2) offer.reject("no");
    else offer.accept();
  };
  const options = (side: "client" | "server") => ({
    profile: { ...profile, grantedRequests },
    onPublishNamespace: onPublishNamespace(side),
  });
  const pair = await sessionPair({ client: options("client"), server: options("server"), seed });
  const ends = {
    client: new End(pair.client, pair.runtime, offers.client),
    server: new End(pair.server, pair.runtime, offers.server),
  };
  return { pair, ends };
}

describe.each([standard, cloudflare])("two sessions, profile $name", (profile) => {
  it("answer everything, and hold nothing once the session is closed or lost", async () => {
    let received = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 60, size: "max" }),
        fc.constantFrom(...(profile.obeysRequestLimit ? [4n, 1000n] : [1000n])),
        fc.boolean(),
        fc.integer({ min: 1, max: 1e6 }),
        async (steps, grantedRequests, lost, seed) => {
          const { pair, ends } = await start(profile, grantedRequests, seed);
          for (const each of steps) {
            if (each.type === "wait") await pair.runtime.advance(each.ms);
            else {
              try {
                ends[each.side].do(each);
              } catch (error) {
                expect((error as MoqError).code).toMatch(MISUSE);
              }
            }
            await settle();
          }
          if (lost) pair.transports.cut();
          else pair.client.close();
          await Promise.all([pair.client.closed, pair.server.closed]);
          await pair.runtime.advance(60_000);
          for (const { session, pending } of Object.values(ends)) {
            expect([...pending]).toEqual([]);
            expect(session.stats()).toMatchObject({ openSendStreams: 0, openRecvStreams: 0 });
          }
          expect(pair.runtime.pendingTimers).toBe(0);
          received += ends.client.received + ends.server.received;
        },
      ),
      { numRuns: 80 },
    );
    expect(received).toBeGreaterThan(10);
  });
});
