import { VirtualRuntime } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { HeldNames } from "./held-names.js";

/** Names that are tried again each time it is their turn; gives the tries as `name@ms`. */
function tryAll(runtime: VirtualRuntime, held: HeldNames, names: readonly string[]) {
  const tries: string[] = [];
  const controllers = names.map(() => new AbortController());
  for (const [index, name] of names.entries()) {
    const signal = controllers[index]?.signal ?? AbortSignal.abort();
    const run = async () => {
      for (;;) {
        await held.turn(signal);
        tries.push(`${name}@${runtime.now()}`);
      }
    };
    void run().catch(() => undefined);
  }
  const giveUp = () => {
    for (const controller of controllers) controller.abort();
  };
  return { tries, giveUp };
}

describe("names held by somebody else", () => {
  it("are tried every second when there is one", async () => {
    const runtime = new VirtualRuntime();
    const { tries } = tryAll(runtime, new HeldNames(runtime), ["a"]);
    await runtime.advance(3_500);
    expect(tries).toEqual(["a@1000", "a@2000", "a@3000"]);
  });

  it("are tried in turn, two a second at most, however many they are", async () => {
    const runtime = new VirtualRuntime();
    const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
    const { tries } = tryAll(runtime, new HeldNames(runtime), names);
    await runtime.advance(60_000);
    expect(tries.length).toBeGreaterThanOrEqual(118);
    expect(tries.length).toBeLessThanOrEqual(120);
    expect(tries.slice(0, 100).map((each) => each.split("@")[0])).toEqual(names);
  });

  it("are all tried at once when one is had", async () => {
    const runtime = new VirtualRuntime();
    const held = new HeldNames(runtime);
    const { tries } = tryAll(runtime, held, ["a", "b", "c"]);
    await runtime.advance(100);
    held.handleFreed();
    await runtime.advance(0);
    expect(tries).toEqual(["a@100", "b@100", "c@100"]);
  });

  it("leave no timer when they are given up", async () => {
    const runtime = new VirtualRuntime();
    const { tries, giveUp } = tryAll(runtime, new HeldNames(runtime), ["a", "b"]);
    await runtime.advance(100);
    giveUp();
    await runtime.advance(0);
    expect([runtime.pendingTimers, tries]).toEqual([0, []]);
  });
});
