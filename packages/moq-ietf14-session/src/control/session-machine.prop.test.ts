import {
  type ControlMessage,
  decodeControlMessage,
  encodeControlMessage,
} from "@moq-bridge/moq-wire/ietf14";
import { MoqError } from "@moq-bridge/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cloudflare, type PeerProfile, standard } from "../profile.js";
import type { SessionEvent } from "./events.js";
import { SessionMachine } from "./session-machine.js";

type Side = "client" | "server";

/** `FUZZ_RUNS=100000` for a long run. */
const { FUZZ_RUNS = "300" } = process.env;
const RUNS = Number(FUZZ_RUNS);

/** One thing an application or the network may do; numbers pick among what there is. */
const operation = fc.record({
  side: fc.constantFrom<Side>("client", "server"),
  act: fc.constantFrom(
    "subscribe",
    "unsubscribe",
    "publish",
    "withdraw",
    "prefix",
    "endPrefix",
    "accept",
    "refuse",
    "finish",
    "answer",
    "cancel",
    "deliver",
    "deliver",
    "deliver",
    "time",
  ),
  pick: fc.nat(7),
});

/** One side: its machine, what it has open and what its driver was told. */
class Peer {
  readonly machine: SessionMachine;
  readonly sent: ControlMessage[] = [];
  readonly events: SessionEvent[] = [];
  readonly subscriptions: number[] = [];
  readonly publications: number[] = [];
  readonly prefixes: number[] = [];
  readonly asked: number[] = [];
  readonly serving: number[] = [];
  readonly offers: { id: number; namespace: string[] }[] = [];
  readonly profile: PeerProfile;

  constructor(side: Side, profile: PeerProfile) {
    this.profile = profile;
    this.machine = new SessionMachine({ side, profile, servesPrefixes: true, now: 0 });
  }

  poll(): void {
    for (let m = this.machine.pollMessage(); m; m = this.machine.pollMessage()) {
      expect(this.profile.sends.has(m.type)).toBe(true);
      this.sent.push(decodeControlMessage(encodeControlMessage(m)));
    }
    for (let e = this.machine.pollEvent(); e; e = this.machine.pollEvent()) {
      this.events.push(e);
      if (e.type === "peer_subscribe") this.asked.push(e.requestId);
      if (e.type === "peer_namespace") {
        this.offers.push({ id: e.requestId, namespace: e.path.split("/") });
      }
    }
  }

  act(act: string, pick: number, now: number): void {
    const { subscriber, publisher, namespacePublisher, namespaceSubscriber } = this.machine;
    const name = `n${pick % 3}`;
    const at = (list: number[]) => list[pick % Math.max(1, list.length)] ?? 99;
    const offer = this.offers[pick % Math.max(1, this.offers.length)];
    if (act === "subscribe") {
      const request = {
        trackNamespace: [name],
        trackName: `t${pick}`,
        subscriberPriority: 0,
        groupOrder: "publisher",
        forward: true,
        filter: { type: "largest_object" },
        parameters: [],
      } as const;
      this.subscriptions.push(subscriber.subscribe(request, now));
    } else if (act === "unsubscribe") subscriber.unsubscribe(at(this.subscriptions));
    else if (act === "publish") this.publications.push(namespacePublisher.publish([name], now));
    else if (act === "withdraw") namespacePublisher.withdraw(at(this.publications), now);
    else if (act === "prefix") this.prefixes.push(namespaceSubscriber.subscribe([name], now));
    else if (act === "endPrefix") namespaceSubscriber.unsubscribe(at(this.prefixes));
    else if (act === "accept") {
      const id = at(this.asked);
      if (publisher.accept(id, id)) this.serving.push(id);
    } else if (act === "refuse") publisher.refuse(at(this.asked), 4, "no");
    else if (act === "finish") publisher.finish(at(this.serving), 2, 0, "over");
    else if (act === "answer" && offer) {
      namespaceSubscriber.answer(offer.namespace, offer.id, pick % 2 ? [4, "no"] : undefined);
    } else if (act === "cancel" && offer) {
      namespaceSubscriber.cancel(offer.namespace, offer.id, 0, "back");
    }
  }
}

function ended(events: readonly SessionEvent[], kind: string, ...how: string[]): number {
  return events.filter(({ type }) => how.some((end) => type === `${kind}_${end}`)).length;
}

describe.each([standard, cloudflare])("two control machines, profile $name", (profile) => {
  it("never break the protocol toward each other, whatever they are told to do", () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 200 }),
        profile.obeysRequestLimit ? fc.constantFrom(2n, 8n, 1000n) : fc.constant(1000n),
        (operations, grantedRequests) => {
          const own = { ...profile, grantedRequests };
          const peers = { client: new Peer("client", own), server: new Peer("server", own) };
          let now = 0;
          const deliver = (from: Side, most: number) => {
            const to = peers[from === "client" ? "server" : "client"];
            for (const message of peers[from].sent.splice(0, most)) {
              to.machine.handleMessage(message, now);
            }
          };
          const pollAll = () => {
            for (const side of ["client", "server"] as const) {
              peers[side].poll();
              const { closeError } = peers[side].machine;
              // What a profile does to a session in which nothing is answered, as here when time outruns delivery.
              if (closeError?.code !== "request_unanswered") expect(closeError).toBeUndefined();
            }
          };
          const settle = () => {
            pollAll();
            while (peers.client.sent.length + peers.server.sent.length > 0) {
              deliver("client", 99);
              deliver("server", 99);
              pollAll();
            }
          };
          settle();
          for (const { side, act, pick } of operations) {
            if (act === "deliver") deliver(side, pick);
            else if (act === "time") now += pick * 500;
            else {
              try {
                peers[side].act(act, pick, now);
              } catch (error) {
                // A call that the state forbids costs its caller an error, nobody else anything.
                expect(error).toBeInstanceOf(MoqError);
                expect([
                  "subscription_duplicate",
                  "namespace_duplicate",
                  "message_not_allowed",
                ]).toContain((error as MoqError).code);
              }
            }
            if (act === "time") {
              for (const { machine } of Object.values(peers)) machine.handleTimeout(now);
            }
            pollAll();
            if (Object.values(peers).some(({ machine }) => machine.closeError)) return;
          }
          settle();
          // Everything unanswered ends in time, and nothing is left to wait for.
          for (const peer of Object.values(peers)) {
            for (let turn = 1; turn <= 5; turn++) {
              peer.machine.handleTimeout(now + turn * 100_000);
              peer.poll();
            }
            expect(peer.machine.pollTimeout()).toBeUndefined();
            const { subscriptions, publications, events } = peer;
            const over = ended(events, "subscription", "refused", "done");
            expect(over).toBeLessThanOrEqual(subscriptions.length);
            const gone = ended(events, "publication", "refused", "cancelled", "withdrawn");
            expect(gone).toBeLessThanOrEqual(publications.length);
            for (const handle of new Set(subscriptions)) {
              const ends = events.filter(
                (e) =>
                  "handle" in e &&
                  e.handle === handle &&
                  (e.type === "subscription_refused" || e.type === "subscription_done"),
              );
              expect(ends.length).toBeLessThanOrEqual(1);
            }
          }
          const { client, server } = peers;
          // A profile may end a session in which nothing is answered.
          if (client.machine.state !== "ready" || server.machine.state !== "ready") return;
          settle();
          for (const [asking, serving] of [
            [client, server],
            [server, client],
          ] as const) {
            // What one side holds to be live the other serves, and no more.
            expect(serving.machine.publisher.size).toBe(asking.machine.subscriber.size);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  it("survive any messages in any order: an error with a code, or nothing", () => {
    const requestId = fc.nat(12);
    const trackNamespace = fc.constantFrom(["n0"], ["n1"], ["n0", "x"], [""]);
    const parameters: [] = [];
    const message: fc.Arbitrary<ControlMessage> = fc.oneof(
      fc.record({
        type: fc.constantFrom(
          "publish_namespace_ok",
          "subscribe_namespace_ok",
          "unsubscribe",
          "fetch_cancel",
        ),
        requestId,
      }),
      fc.record({
        type: fc.constantFrom(
          "subscribe_error",
          "publish_namespace_error",
          "subscribe_namespace_error",
          "fetch_error",
        ),
        requestId,
        errorCode: fc.nat(5),
        errorReason: fc.constant(""),
      }),
      fc.record({
        type: fc.constant("publish_namespace"),
        requestId,
        trackNamespace,
        parameters: fc.constant(parameters),
      }),
      fc.record({ type: fc.constant("publish_namespace_done"), trackNamespace }),
      fc.record({
        type: fc.constant("publish_namespace_cancel"),
        trackNamespace,
        errorCode: fc.nat(5),
        errorReason: fc.constant(""),
      }),
      fc.record({
        type: fc.constant("subscribe_ok"),
        requestId,
        trackAlias: fc.nat(3),
        expires: fc.constant(0n),
        groupOrder: fc.constant("ascending"),
        largestLocation: fc.constant(undefined),
        parameters: fc.constant(parameters),
      }),
      fc.record({
        type: fc.constant("publish_done"),
        requestId,
        statusCode: fc.nat(5),
        streamCount: fc.constant(0n),
        errorReason: fc.constant(""),
      }),
      fc.record({ type: fc.constant("max_request_id"), requestId: fc.bigInt(0n, 3000n) }),
      fc.record({ type: fc.constant("goaway"), newSessionUri: fc.constantFrom("", "https://x/") }),
    ) as fc.Arbitrary<ControlMessage>;
    fc.assert(
      fc.property(fc.array(fc.oneof(message, operation), { maxLength: 40 }), (steps) => {
        const peer = new Peer("client", profile);
        peer.machine.handleMessage(
          {
            type: "server_setup",
            selectedVersion: 0xff00000e,
            parameters: [{ type: 2n, value: 9n }],
          },
          0,
        );
        for (const step of steps) {
          if ("act" in step) {
            try {
              peer.act(step.act, step.pick, 0);
            } catch (error) {
              expect(error).toBeInstanceOf(MoqError);
            }
          } else peer.machine.handleMessage(step, 0);
          peer.poll();
        }
        const { closeError, state } = peer.machine;
        expect(state).toBe(closeError ? "closed" : "ready");
        if (closeError) expect([3, 4, 5]).toContain(closeError.wireCode);
      }),
      { numRuns: 1000 },
    );
  });
});
