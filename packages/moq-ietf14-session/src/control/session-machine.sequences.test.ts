import { describe, expect, it } from "vitest";
import { cloudflare, type PeerProfile, standard } from "../profile.js";
import { type Call, MachinePair } from "./machine-pair.fixture.js";

const MAX_CALLS = 5;

const c = (act: Call["act"], pick = 0): Call => ({ side: "client", act, pick });
const s = (act: Call["act"], pick = 0): Call => ({ side: "server", act, pick });
const TIME = c("time", 20);
/** The network, where the order of arrival matters. */
const NETWORK = [c("deliver", 99), s("deliver", 99), c("lose")];

const ASKING = [
  c("subscribe", 0),
  c("unsubscribe"),
  c("update", 9),
  c("publish"),
  c("withdraw"),
  c("prefix"),
  c("endPrefix"),
  c("status"),
  c("fetch"),
  c("offerTrack"),
  c("goaway"),
];
const ANSWERING = [
  s("accept"),
  s("refuse"),
  s("finish"),
  s("answerStatus"),
  s("accepted"),
  s("rejected"),
  s("cancel"),
];
const SUBSCRIPTIONS = [
  c("subscribe", 0),
  c("subscribe", 3),
  c("unsubscribe"),
  c("unsubscribe", 1),
  s("accept"),
  s("accept", 1),
  s("refuse"),
  s("finish"),
];
const BOTH_WAYS = [
  ...[c("subscribe"), s("subscribe"), c("unsubscribe"), s("unsubscribe")],
  ...[c("accept"), s("accept"), c("finish"), s("finish")],
];
const NAMESPACES = [
  c("publish"),
  c("publish", 1),
  c("withdraw"),
  s("accepted"),
  s("rejected"),
  s("cancel"),
  s("prefix"),
  s("endPrefix"),
];

/**
 * Every sequence of up to five of these calls. One that does nothing ends its
 * branch: what follows it is a shorter sequence.
 */
function explore(profile: PeerProfile, calls: readonly Call[], settles: boolean): number {
  let sequences = 0;
  const visit = (sequence: readonly Call[]) => {
    const pair = new MachinePair(profile, false);
    let done = true;
    for (const call of sequence) {
      done = pair.do(call);
      if (settles) pair.settle();
    }
    if (!done) return;
    sequences++;
    try {
      pair.check();
    } catch (error) {
      const told = sequence.map(({ side, act, pick }) => `${side} ${act} ${pick}`).join(", ");
      throw new Error(`after ${told}: ${String(error)}`, { cause: error });
    }
    if (sequence.length === MAX_CALLS) return;
    for (const call of calls) visit([...sequence, call]);
  };
  visit([]);
  return sequences;
}

const tight = { ...standard, grantedRequests: 2n };

describe.each([
  ["all requests, each call heard at once", standard, [...ASKING, ...ANSWERING, TIME], true],
  ["all requests, calls that cross", standard, [...ASKING, ...ANSWERING, ...NETWORK, TIME], false],
  ["two subscriptions", standard, [...SUBSCRIPTIONS, ...NETWORK], false],
  ["subscriptions where one request may be open", tight, [...SUBSCRIPTIONS, ...NETWORK], false],
  ["subscriptions both ways", standard, [...BOTH_WAYS, ...NETWORK], false],
  ["namespaces and prefixes", standard, [...NAMESPACES, ...NETWORK, TIME], false],
  ["namespaces of Cloudflare's relay", cloudflare, [...NAMESPACES, ...NETWORK, TIME], false],
] as const)("%s", (_name, profile, calls, settles) => {
  it("leave both machines in agreement and with nothing to hold, in every order of five", () => {
    const sequences = explore(profile, calls, settles);

    expect(sequences).toBeGreaterThan(400);
  }, 120_000);
});
