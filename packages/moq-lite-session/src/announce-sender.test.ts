import { Cursor } from "@moq-bridge/moq-wire";
import {
  type Announce,
  decodeAnnounce,
  decodeAnnounceInit,
  decodeAnnounceOk,
  type LiteVersion,
} from "@moq-bridge/moq-wire/lite";
import { describe, expect, it } from "vitest";
import { AnnounceSender } from "./announce-sender.js";

function sender(version: LiteVersion, prefix = ""): AnnounceSender {
  return new AnnounceSender({ version, prefix, originId: 1n, excluded: new Set([2n]) });
}

function announces(version: LiteVersion, machine: AnnounceSender): Announce[] {
  return machine.poll().map((bytes) => decodeAnnounce(version, new Cursor(bytes)));
}

const live = (path: string, hops: bigint[] = [5n], instance: unknown = path) => ({
  path,
  hops,
  instance,
});

describe("the first reply", () => {
  it("is ANNOUNCE_INIT in lite-02, without what is the peer's own", () => {
    const machine = sender("lite-02", "room");
    machine.handleRequest([live("room/a"), live("room/b", [2n]), live("room")]);
    const [init, ...rest] = machine.poll();
    expect(decodeAnnounceInit("lite-02", new Cursor(init ?? new Uint8Array()))).toEqual({
      suffixes: ["a", ""],
    });
    expect(rest).toEqual([]);
  });

  it("stays small in lite-02 however much is live; the rest follows", () => {
    const machine = sender("lite-02");
    machine.handleRequest(Array.from({ length: 2_000 }, (_, i) => live(`broadcast/${i}`)));
    const [init, ...rest] = machine.poll();
    const { suffixes } = decodeAnnounceInit("lite-02", new Cursor(init ?? new Uint8Array()));
    expect(suffixes.length + rest.length).toBe(2_000);
    expect(machine.announced).toBe(2_000);
  });

  it("is ANNOUNCE_OK with the count of what follows in lite-05", () => {
    const machine = sender("lite-05");
    machine.handleRequest([live("a"), live("own", [2n]), live("reflected", [1n])]);
    const [ok, ...rest] = machine.poll();
    expect(decodeAnnounceOk("lite-05", new Cursor(ok ?? new Uint8Array()))).toEqual({
      originId: 1n,
      activeCount: 1,
    });
    expect(rest.map((bytes) => decodeAnnounce("lite-05", new Cursor(bytes)))).toEqual([
      { type: "start", suffix: "a", hops: [5n] },
    ]);
  });

  it("is nothing in lite-04 while nothing is live", () => {
    const machine = sender("lite-04");
    machine.handleRequest([]);
    expect(machine.poll()).toEqual([]);
  });
});

describe("changes", () => {
  it("lite-04 sends the chain with our own id", () => {
    const machine = sender("lite-04");
    machine.handleLive(live("a"));
    expect(announces("lite-04", machine)).toEqual([{ type: "start", suffix: "a", hops: [5n, 1n] }]);
  });

  it("says a broadcast once", () => {
    const machine = sender("lite-05");
    machine.handleLive(live("a"));
    machine.handleLive(live("a"));
    expect(announces("lite-05", machine)).toHaveLength(1);
  });

  it.each(["lite-02", "lite-04", "lite-05"] as const)(
    "%s ends a replaced instance first",
    (version) => {
      const machine = sender(version);
      machine.handleLive(live("a", [5n], "old"));
      machine.handleLive(live("a", [5n], "new"));
      const types = announces(version, machine).map((message) => message.type);
      expect(types).toEqual(["start", "end", "start"]);
    },
  );

  it("tells of another route where the version can", () => {
    for (const [version, expected] of [
      ["lite-04", []],
      ["lite-05", ["start"]],
      ["lite-06", ["restart"]],
    ] as const) {
      const machine = sender(version);
      machine.handleLive(live("a", [5n], "same"));
      machine.poll();
      machine.handleLive(live("a", [5n, 6n], "same"));
      expect(announces(version, machine).map((message) => message.type)).toEqual(expected);
    }
  });

  it("withdraws what becomes the peer's own, and is silent about its end", () => {
    const machine = sender("lite-05");
    machine.handleLive(live("a", [5n], "same"));
    machine.handleLive(live("a", [5n, 2n], "same"));
    machine.handleEnded("a");
    const types = announces("lite-05", machine).map((message) => message.type);
    expect(types).toEqual(["start", "end"]);
  });

  it("does not announce what has passed 32 hops", () => {
    const machine = sender("lite-05");
    machine.handleLive(
      live(
        "a",
        Array.from({ length: 32 }, (_, i) => BigInt(i + 10)),
      ),
    );
    expect(machine.announced).toBe(0);
  });
});
