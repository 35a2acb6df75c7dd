import { describe, expect, it } from "vitest";
import { type Answer, INTERVAL, never, rows, setUp } from "../test/scripted-registry.js";

const tenNames = Array.from({ length: 10 }, (_, index) => `n${index}`);

describe("polling", () => {
  it("asks at once, then within each interval, jittered and never early", async () => {
    const { poller, runtime, asked, lists } = setUp(() => rows("b", "a"));
    poller.start();
    await runtime.advance(0);
    expect(lists).toEqual([["a", "b"]]);
    await runtime.advance(20 * INTERVAL);
    const gaps = asked.slice(1).map(({ at }, index) => at - (asked[index]?.at ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(0.95 * INTERVAL);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.8 * INTERVAL);
    expect(new Set(gaps).size).toBeGreaterThan(10);
    expect(asked[0]?.url).toBe("https://registry.test/api?key=hunter2");
  });

  it("keeps the interval from request to request when answers take long, but leaves a pause", async () => {
    const { poller, runtime, asked, registry } = setUp(never);
    const slowly = (ms: number) => () =>
      new Promise<Answer>((resolve) => runtime.setTimer(ms, () => resolve(rows("a"))));
    registry.respond = slowly(2000);
    poller.start();
    await runtime.advance(2000);
    await runtime.advance(0.95 * INTERVAL - 2000);
    expect(asked).toHaveLength(2);
    registry.respond = slowly(9000);
    await runtime.advance(60_000);
    const before = asked.length;
    await runtime.advance(100_000);
    expect(asked.length - before).toBeLessThanOrEqual(10);
  });

  it("stops for good: no request, no timer, no call", async () => {
    const { poller, runtime, lists, registry, errors } = setUp(() => rows("a"));
    poller.start();
    await runtime.advance(0);
    let answer = (_: Answer) => {};
    registry.respond = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    await runtime.advance(INTERVAL);
    poller.stop();
    answer(rows("b"));
    await runtime.advance(10 * INTERVAL);
    expect(lists).toEqual([["a"]]);
    expect(errors).toEqual([]);
    expect(poller.health().failures).toBe(0);
    expect(runtime.pendingTimers).toBe(0);
  });

  it("may be stopped from within its own callback", async () => {
    const { poller, runtime, lists } = setUp(() => rows("a"), {
      onEntries: (entries) => {
        lists.push(entries.map((entry) => entry.streamId));
        poller.stop();
      },
    });
    poller.start();
    await runtime.advance(10 * INTERVAL);
    expect(lists).toEqual([["a"]]);
    expect(runtime.pendingTimers).toBe(0);
  });

  it("gives rows of other known origins apart", async () => {
    const seen: unknown[] = [];
    const { poller, runtime } = setUp(
      () => ({
        body: {
          broadcasts: [
            { stream_id: "mine", origin: "cloudflare" },
            { stream_id: "theirs", origin: "earthseed" },
          ],
        },
      }),
      {
        onEntries: (entries, others) =>
          seen.push([
            entries.map((entry) => entry.streamId),
            others.get("earthseed")?.map((entry) => entry.streamId),
          ]),
      },
    );
    poller.start();
    await runtime.advance(0);
    expect(seen).toEqual([[["mine"], ["theirs"]]]);
  });

  it("sends a user name and password as basic authorization, and further headers", async () => {
    const { poller, runtime, asked } = setUp(() => rows(), {
      url: "https://us%20er:hunter2@registry.test/x",
      headers: async () => ({ "x-key": "1" }),
    });
    poller.start();
    await runtime.advance(0);
    expect(asked[0]?.url).toBe("https://registry.test/x");
    expect(asked[0]?.headers).toMatchObject({
      authorization: `Basic ${Buffer.from("us er:hunter2").toString("base64")}`,
      "x-key": "1",
    });
  });

  it.each(["ftp://hunter2/", "hunter2", ""])("refuses the address %j", (url) => {
    expect(() => setUp(never, { url })).toThrow("must be http:// or https://");
  });

  it.each([0, -1, Number.NaN])("refuses an interval of %d", (intervalMs) => {
    expect(() => setUp(never, { intervalMs })).toThrow("interval");
  });
});

describe("an entry that ends", () => {
  it("is reported within the interval", async () => {
    const { poller, runtime, lists, registry } = setUp(() => rows("a", "b"));
    poller.start();
    await runtime.advance(0);
    registry.respond = () => rows("a");
    await runtime.advance(INTERVAL);
    expect(lists.at(-1)).toEqual(["a"]);
  });

  it("and was the only one is reported within the interval and 1 s, after a second answer", async () => {
    const { poller, runtime, lists, registry, asked } = setUp(() => rows("a"));
    poller.start();
    await runtime.advance(0);
    registry.respond = () => rows();
    await runtime.advance(0.95 * INTERVAL);
    expect(lists.at(-1)).toEqual(["a"]);
    expect(poller.health().unconfirmed).toBe(1);
    await runtime.advance(0.05 * INTERVAL + 1000);
    expect(lists.at(-1)).toEqual([]);
    expect(asked).toHaveLength(3);
    expect((asked[2]?.at ?? 0) - (asked[1]?.at ?? 0)).toBe(1000);
  });

  it.each([
    ["half of ten", tenNames, tenNames.slice(5), false],
    ["more than half of ten", tenNames, tenNames.slice(6), true],
    ["nearly all of nine", tenNames.slice(1), ["n9"], false],
  ])(
    "with others needs a second answer for more than half of ten: %s",
    async (_, all, left, doubted) => {
      const { poller, runtime, lists, registry } = setUp(() => rows(...all));
      poller.start();
      await runtime.advance(0);
      registry.respond = () => rows(...left);
      await runtime.advance(0.95 * INTERVAL);
      expect(lists.at(-1)).toEqual(doubted ? all : left);
      await runtime.advance(1000);
      expect(lists.at(-1)).toEqual(left);
    },
  );

  it("lives on when the second answer has it again", async () => {
    const { poller, runtime, lists, registry } = setUp(() => rows("a", "b"));
    poller.start();
    await runtime.advance(0);
    registry.respond = () => rows();
    await runtime.advance(0.95 * INTERVAL);
    registry.respond = () => rows("b");
    await runtime.advance(1000);
    expect(lists.every((list) => list.includes("b"))).toBe(true);
    expect(lists.at(-1)).toEqual(["b"]);
  });

  it("is not confirmed across a failure", async () => {
    const { poller, runtime, lists, registry } = setUp(() => rows("a"));
    poller.start();
    await runtime.advance(0);
    let calls = 0;
    registry.respond = () => (calls++ % 2 === 0 ? rows() : { status: 500 });
    await runtime.advance(100 * INTERVAL);
    expect(lists.length).toBeGreaterThan(20);
    expect(lists.every((list) => list.length === 1)).toBe(true);
  });

  it("holds nothing back that is new in the doubted answer", async () => {
    const { poller, runtime, lists, registry } = setUp(() => rows("a"));
    poller.start();
    await runtime.advance(0);
    registry.respond = () => rows("b");
    await runtime.advance(0.95 * INTERVAL);
    expect(lists.at(-1)).toEqual(["a", "b"]);
    await runtime.advance(1000);
    expect(lists.at(-1)).toEqual(["b"]);
  });

  it("has been live since it was first seen, across restarts of its publisher, until it ends", async () => {
    const seen: (number | undefined)[] = [];
    const { poller, runtime, registry } = setUp(() => ({}), {
      onEntries: (entries) => seen.push(entries.find((e) => e.streamId === "a")?.firstSeen),
    });
    const other = { stream_id: "b", origin: "cloudflare" };
    const answer = (...broadcasts: unknown[]) => {
      registry.respond = () => ({ body: { broadcasts: [...broadcasts, other] } });
      return poller.pollNow();
    };
    poller.start();
    await runtime.advance(0);
    const start = runtime.wallClock();
    await answer({ stream_id: "a", origin: "cloudflare", started_at: "1" });
    await runtime.advance(100);
    await answer({ stream_id: "a", origin: "cloudflare", started_at: "2" });
    await answer();
    await answer({ stream_id: "a", origin: "cloudflare", started_at: "2" });
    expect(seen).toEqual([start, start, undefined, start + 100]);
  });

  it("is not one whose row merely lost its origin or its start", async () => {
    const instances: (string | undefined)[] = [];
    const row = { stream_id: "a", origin: "cloudflare", started_at: "1" };
    const other = { stream_id: "b", origin: "cloudflare" };
    const { poller, runtime, registry } = setUp(() => ({ body: { broadcasts: [row, other] } }), {
      onEntries: (entries) => instances.push(entries.find((e) => e.streamId === "a")?.instance),
    });
    poller.start();
    await runtime.advance(0);
    registry.respond = () => ({ body: { broadcasts: [{ ...row, origin: null }, other] } });
    await runtime.advance(INTERVAL);
    expect(poller.health().skipped).toEqual({ bad_origin: 1 });
    registry.respond = () => ({ body: { broadcasts: [{ ...row, started_at: null }, other] } });
    await runtime.advance(INTERVAL);
    registry.respond = () => ({ body: { broadcasts: [{ ...row, started_at: "2" }, other] } });
    await runtime.advance(INTERVAL);
    expect(instances).toEqual(["1", "1", "1", "2"]);
  });
});
