import { LITE_VERSIONS, type LiteVersion } from "@moq-bridge/moq-wire/lite";
import { describe, expect, it } from "vitest";
import { type AnnounceEvent, AnnounceReceiver } from "./announce-receiver.js";

const OURS = 7n;

function receiver(version: LiteVersion, options: { prefix?: string; maxBroadcasts?: number } = {}) {
  return new AnnounceReceiver({
    version,
    prefix: options.prefix ?? "",
    originId: OURS,
    maxBroadcasts: options.maxBroadcasts ?? 100,
  });
}

function events(machine: AnnounceReceiver): AnnounceEvent[] {
  const all: AnnounceEvent[] = [];
  for (let event = machine.pollEvent(); event; event = machine.pollEvent()) all.push(event);
  return all;
}

const start = (suffix: string, ...hops: bigint[]) => ({ type: "start", suffix, hops }) as const;
const end = (suffix: string) => ({ type: "end", target: { suffix } }) as const;

describe("hop chains", () => {
  it.each(["lite-01", "lite-02"] as const)("%s has none: an unknown source", (version) => {
    const machine = receiver(version);
    machine.handleInit(["a", "b"]);
    expect(events(machine)).toEqual([
      { type: "active", path: "a", hops: [0n] },
      { type: "active", path: "b", hops: [0n] },
    ]);
  });

  it("lite-04 takes the chain as it comes, the sender's id included", () => {
    const machine = receiver("lite-04");
    machine.handleAnnounce(start("a", 1n, 2n));
    machine.handleAnnounce(start("b"));
    expect(events(machine)).toEqual([
      { type: "active", path: "a", hops: [1n, 2n] },
      { type: "active", path: "b", hops: [0n] },
    ]);
  });

  it.each(["lite-05", "lite-06"] as const)("%s appends the id of ANNOUNCE_OK", (version) => {
    const machine = receiver(version);
    machine.handleOk(9n);
    machine.handleAnnounce(start("a", 1n));
    machine.handleAnnounce(start("b"));
    expect(events(machine)).toEqual([
      { type: "active", path: "a", hops: [1n, 9n] },
      { type: "active", path: "b", hops: [9n] },
    ]);
  });

  it("drops what passed us, what passed the publisher twice, and the 33rd hop", () => {
    const machine = receiver("lite-05");
    machine.handleOk(9n);
    machine.handleAnnounce(start("ours", 1n, OURS));
    machine.handleAnnounce(start("twice", 9n, 1n));
    machine.handleAnnounce(start("long", ...Array.from({ length: 32 }, (_, i) => BigInt(i + 100))));
    machine.handleAnnounce(end("ours"));
    expect(events(machine).map((event) => event.type)).toEqual(["looped", "looped", "looped"]);
  });

  it("refuses a chain with a known id twice; 0 may be there often", () => {
    const machine = receiver("lite-05");
    machine.handleAnnounce(start("zeros", 0n, 0n));
    expect(() => machine.handleAnnounce(start("a", 3n, 3n))).toThrow("an id twice");
  });
});

describe.each(LITE_VERSIONS)("%s", (version) => {
  it("joins the prefix and the suffix", () => {
    const machine = receiver(version, { prefix: "room" });
    machine.handleAnnounce(start("a/b"));
    machine.handleAnnounce(start(""));
    expect(events(machine).map((event) => event.path)).toEqual(["room/a/b", "room"]);
  });

  it("takes a second START as a restart in lite-05 and as a violation elsewhere", () => {
    const machine = receiver(version);
    machine.handleAnnounce(start("a", 1n));
    if (version === "lite-05") {
      machine.handleAnnounce(start("a", 2n));
      expect(events(machine).map((event) => event.type)).toEqual(["active", "rerouted"]);
    } else {
      expect(() => machine.handleAnnounce(start("a", 2n))).toThrow("announced twice");
    }
  });

  it("ends what is live", () => {
    const machine = receiver(version);
    machine.handleAnnounce(start("a"));
    machine.handleAnnounce(version === "lite-06" ? { type: "end", target: { id: 0 } } : end("a"));
    machine.handleAnnounce(start("a"));
    expect(events(machine).map((event) => event.type)).toEqual(["active", "ended", "active"]);
  });

  it("ignores the end of what is unknown, which lite-06 forbids", () => {
    const machine = receiver(version);
    if (version === "lite-06") {
      expect(() => machine.handleAnnounce({ type: "end", target: { id: 3 } })).toThrow("not live");
    } else {
      machine.handleAnnounce(end("nobody"));
      expect(events(machine)).toEqual([]);
    }
  });

  it("bounds how much is announced", () => {
    const machine = receiver(version, { maxBroadcasts: 2 });
    machine.handleAnnounce(start("a"));
    machine.handleAnnounce(start("b"));
    expect(() => machine.handleAnnounce(start("c"))).toThrow("more than 2");
  });
});

describe("restarts", () => {
  it("end a broadcast that now loops, and bring back one that does not any more", () => {
    const machine = receiver("lite-05");
    machine.handleOk(9n);
    machine.handleAnnounce(start("a", 1n));
    machine.handleAnnounce(start("a", OURS));
    machine.handleAnnounce(start("a", 2n));
    expect(events(machine).map((event) => event.type)).toEqual([
      "active",
      "ended",
      "looped",
      "active",
    ]);
  });

  it("go by number in lite-06, counting announcements that could not be read", () => {
    const machine = receiver("lite-06");
    machine.handleOk(9n);
    machine.handleUnreadableStart();
    machine.handleAnnounce(start("a", 1n));
    machine.handleAnnounce({ type: "restart", target: { id: 1 }, hops: [1n, 2n] });
    machine.handleAnnounce({ type: "restart", target: { id: 0 }, hops: [] });
    machine.handleAnnounce({ type: "end", target: { id: 0 } });
    machine.handleAnnounce({ type: "unknown" });
    expect(events(machine)).toEqual([
      { type: "active", path: "a", hops: [1n, 9n] },
      { type: "rerouted", path: "a", hops: [1n, 2n, 9n] },
    ]);
  });
});
