import type { LiteVersion } from "@moq-bridge/moq-wire/lite";
import { describe, expect, it } from "vitest";
import { subscriptionError } from "./errors.js";
import { type SubscriptionAction, SubscriptionMachine } from "./subscription-machine.js";

const INFO = { priority: 3, maxLatencyMs: 5_000 };
const OK = { type: "ok", priority: 3, ordered: false, maxLatencyMs: 0 } as const;
const FAILURE = subscriptionError("lite_subscription_failed", "no");

function machine(version: LiteVersion, idleMs = 1_000): SubscriptionMachine {
  const demand = { priority: 9 };
  return new SubscriptionMachine({ version, demand, maxLatencyMs: 5_000, idleMs, endMs: 500 });
}

function actions(subscription: SubscriptionMachine): SubscriptionAction["type"][] {
  const all: SubscriptionAction["type"][] = [];
  for (let next = subscription.pollAction(); next; next = subscription.pollAction()) {
    all.push(next.type);
  }
  return all;
}

/** A subscription that was accepted. */
function live(version: LiteVersion, idleMs?: number): SubscriptionMachine {
  const subscription = machine(version, idleMs);
  if (version === "lite-05") subscription.handleTrackInfo(INFO);
  else subscription.handleReply(OK);
  actions(subscription);
  return subscription;
}

describe("acceptance", () => {
  it("lite-05 asks for the track, then subscribes", () => {
    const subscription = machine("lite-05");
    expect(actions(subscription)).toEqual(["askTrack"]);
    expect(subscription.live).toBe(false);
    subscription.handleTrackInfo(INFO);
    expect(actions(subscription)).toEqual(["accept", "subscribe"]);
    expect(subscription.live).toBe(true);
  });

  it("lite-04 subscribes, and is accepted by SUBSCRIBE_OK", () => {
    const subscription = machine("lite-04");
    expect(actions(subscription)).toEqual(["subscribe"]);
    subscription.handleReply(OK);
    expect(actions(subscription)).toEqual(["accept"]);
  });

  it("takes nothing before SUBSCRIBE_OK, and no second one", () => {
    const drop = { type: "drop", start: 0, end: 1, error: 0 } as const;
    expect(() => machine("lite-04").handleReply(drop)).toThrow("did not come first");
    expect(() => live("lite-04").handleReply(OK)).toThrow("twice");
  });

  it.each(["lite-02", "lite-05"] as const)(
    "%s is rejected by a reset or an early FIN",
    (version) => {
      const reset = machine(version);
      reset.handleFailure(FAILURE, 0);
      expect(actions(reset).slice(1)).toEqual(["leave", "reject"]);
      expect(reset.over).toBe(true);
      const finished = machine(version);
      finished.handleFin(0);
      expect(actions(finished).slice(1)).toEqual(["leave", "reject"]);
    },
  );
});

describe("demand", () => {
  it("that ends is waited for, then the subscription is left and taken up again", () => {
    const subscription = live("lite-05");
    subscription.handleDemand(undefined, 100);
    expect(actions(subscription)).toEqual([]);
    expect(subscription.pollTimeout()).toBe(1_100);
    subscription.handleDemand({ priority: 9 }, 500);
    expect(subscription.pollTimeout()).toBeUndefined();
    subscription.handleDemand(undefined, 1_000);
    subscription.handleTimeout(2_000);
    expect(actions(subscription)).toEqual(["update", "leave", "detach"]);
    subscription.handleDemand({ priority: 1 }, 9_000);
    expect(actions(subscription)).toEqual(["subscribe"]);
    expect(subscription.live).toBe(true);
  });

  it("that changes is sent on, except in lite-02", () => {
    for (const [version, expected] of [
      ["lite-02", []],
      ["lite-04", ["update"]],
      ["lite-05", ["update"]],
    ] as const) {
      const subscription = live(version);
      subscription.handleDemand({ priority: 200 }, 0);
      expect(actions(subscription)).toEqual(expected);
    }
  });

  it("taken up again in lite-04 waits for another SUBSCRIBE_OK", () => {
    const subscription = live("lite-04", 0);
    subscription.handleDemand(undefined, 0);
    subscription.handleDemand({ priority: 1 }, 1);
    expect(subscription.live).toBe(false);
    subscription.handleReply(OK);
    expect(subscription.live).toBe(true);
    expect(actions(subscription)).toEqual(["leave", "detach", "subscribe"]);
  });
});

describe("the end", () => {
  it("of lite-05 is END and FIN, once the last group is whole", () => {
    const subscription = live("lite-05");
    subscription.handleGroupBegin(4);
    subscription.handleReply({ type: "end", group: 6 });
    subscription.handleFin(0);
    subscription.handleGroupEnd(10);
    expect(subscription.over).toBe(false);
    subscription.handleGroupBegin(5);
    subscription.handleGroupEnd(20);
    expect(actions(subscription)).toEqual(["leave", "finish"]);
  });

  it("does not wait for a last group for ever", () => {
    const subscription = live("lite-05");
    subscription.handleReply({ type: "end", group: 6 });
    subscription.handleFin(0);
    subscription.handleTimeout(500);
    expect(actions(subscription)).toEqual(["leave", "finish"]);
  });

  it("of lite-04 is FIN; groups under way are waited for", () => {
    const subscription = live("lite-04");
    subscription.handleGroupBegin(0);
    subscription.handleFin(0);
    // A timer that is due at once again and again would never let the process rest.
    expect(subscription.pollTimeout()).toBeUndefined();
    subscription.handleTimeout(500);
    expect(subscription.over).toBe(false);
    subscription.handleGroupEnd(900);
    expect(actions(subscription)).toEqual(["leave", "finish"]);
  });

  it("of lite-05 without END is a failure", () => {
    const subscription = live("lite-05");
    subscription.handleFin(0);
    expect(actions(subscription)).toEqual(["leave", "abort"]);
  });

  it("of the session leaves the track to other sources", () => {
    const accepted = live("lite-05");
    accepted.handleSessionLost(FAILURE);
    expect(actions(accepted)).toEqual(["abort"]);
    const asked = machine("lite-05");
    asked.handleSessionLost(FAILURE);
    expect(actions(asked)).toEqual(["askTrack", "reject"]);
  });
});

describe("a failure", () => {
  it("before any group ends the track", () => {
    const subscription = live("lite-05");
    subscription.handleFailure(FAILURE, 0);
    expect(actions(subscription)).toEqual(["leave", "abort"]);
  });

  it("after a group is tried once more, and not again within a second", () => {
    const subscription = live("lite-05");
    subscription.handleGroupBegin(0);
    subscription.handleFailure(FAILURE, 0);
    expect(actions(subscription)).toEqual(["leave", "detach", "subscribe"]);
    subscription.handleGroupBegin(1);
    subscription.handleFailure(FAILURE, 900);
    expect(actions(subscription)).toEqual(["leave", "abort"]);
  });
});
