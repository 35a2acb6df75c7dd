import { DRAFT_14 } from "@moq-bridge/moq-wire/ietf14";
import { expect, it } from "vitest";
import { MAX_BLOCKED_REQUESTS } from "../limits.js";
import { standard } from "../profile.js";
import { SessionMachine } from "./session-machine.js";

const TRACK = {
  trackNamespace: ["a"],
  subscriberPriority: 0,
  groupOrder: "publisher",
  forward: true,
  filter: { type: "largest_object" },
  parameters: [],
} as const;

it("a request that finds no room to wait leaves nothing behind", () => {
  const machine = new SessionMachine({
    side: "client",
    profile: standard,
    servesPrefixes: false,
    now: 0,
  });
  machine.handleMessage({ type: "server_setup", selectedVersion: DRAFT_14, parameters: [] }, 0);
  const { subscriber, status, namespaceSubscriber } = machine;
  const subscribe = (trackName: string) => subscriber.subscribe({ ...TRACK, trackName }, 0);
  for (let i = 0; i < MAX_BLOCKED_REQUESTS; i++) subscribe(`${i}`);

  for (const ask of [
    () => subscribe("more"),
    () => status.ask(["a"], "t", 0),
    () => namespaceSubscriber.subscribe(["a"], 0),
  ]) {
    expect(ask).toThrow(expect.objectContaining({ code: "requests_blocked" }));
  }

  expect(subscriber.size).toBe(MAX_BLOCKED_REQUESTS);
  expect(status.size).toBe(0);
  expect(namespaceSubscriber.prefixes).toBe(0);
  subscriber.unsubscribe(0);
  expect(subscribe("more")).toBeGreaterThan(0);
});
