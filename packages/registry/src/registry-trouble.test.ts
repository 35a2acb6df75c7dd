import { MoqError } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import {
  type Answer,
  INTERVAL,
  never,
  type Respond,
  rows,
  setUp,
} from "../test/scripted-registry.js";

describe("conditional requests", () => {
  it("use the last accepted answer's ETag; 304 is a success that changes nothing", async () => {
    const { poller, runtime, lists, asked, registry } = setUp(() => ({
      ...rows("a"),
      headers: { etag: '"1"' },
    }));
    poller.start();
    await runtime.advance(0);
    registry.respond = () => ({ status: 304 });
    await runtime.advance(3 * INTERVAL);
    expect(asked.slice(1).map(({ headers }) => headers["if-none-match"])).toEqual(
      asked.slice(1).map(() => '"1"'),
    );
    expect(lists).toEqual([["a"]]);
    expect(poller.health()).toMatchObject({ failures: 0, live: 1, rows: 1 });
    const { polls, failedPolls } = poller.health();
    expect(polls).toBeGreaterThan(failedPolls);
    expect(poller.health().ageMs).toBeLessThan(INTERVAL);
  });

  it("are not used to confirm, nor with the ETag of a doubted answer", async () => {
    const { poller, runtime, asked, registry, lists } = setUp(() => ({
      ...rows("a"),
      headers: { etag: '"full"' },
    }));
    poller.start();
    await runtime.advance(0);
    registry.respond = () => ({ ...rows(), headers: { etag: '"empty"' } });
    await runtime.advance(0.95 * INTERVAL);
    registry.respond = () => ({ status: 502 });
    await runtime.advance(1000);
    expect(asked[2]?.headers).not.toHaveProperty("if-none-match");
    expect(asked[2]?.headers).toMatchObject({ "cache-control": "no-cache" });
    registry.respond = () => ({ status: 304 });
    await runtime.advance(1000);
    expect(asked[3]?.headers["if-none-match"]).toBe('"full"');
    expect(lists.at(-1)).toEqual(["a"]);
  });

  it("not asked for, 304 is a failure", async () => {
    const { poller, runtime, errors } = setUp(() => ({ status: 304 }));
    poller.start();
    await runtime.advance(0);
    expect(errors[0]?.error).toMatchObject({ code: "registry_status", wireCode: 304 });
  });
});

describe("failures", () => {
  it.each<[string, string, Respond]>([
    ["registry_status", "answered with status 500", () => ({ status: 500, body: "hunter2" })],
    ["registry_status", "answered with status 204", () => ({ status: 204 })],
    ["registry_html", "answered HTML instead of JSON", () => ({ body: "<html>hunter2</html>" })],
    [
      "registry_bad_json",
      "answered 12 bytes that are not complete, valid JSON",
      () => ({ body: '{"broadcasts' }),
    ],
    [
      "registry_shape",
      'answered JSON of another shape: "broadcasts" is missing or not a list',
      () => ({ body: {} }),
    ],
    [
      "http_too_large",
      "the answer is longer than 4194304 bytes",
      () => ({ body: "x".repeat(5_000_000) }),
    ],
    ["http_timeout", "no complete answer within 10000 ms", never],
    [
      "http_unreachable",
      "connect ECONNREFUSED",
      () =>
        Promise.reject(
          new MoqError("http_unreachable", "connect ECONNREFUSED", { scope: "process" }),
        ),
    ],
  ])("%s: %s", async (code, message, respond) => {
    const { poller, runtime, errors, lists, registry } = setUp(() => rows("a"));
    poller.start();
    await runtime.advance(0);
    registry.respond = respond;
    await runtime.advance(INTERVAL + 10_000);
    const line = `https://registry.test: ${message}`;
    expect(errors[0]?.error).toMatchObject({ code, message: line });
    expect(poller.health()).toMatchObject({ lastError: line, live: 1 });
    registry.respond = () => rows("a");
    await runtime.advance(60_000);
    expect(poller.health()).toMatchObject({ failures: 0, lastError: undefined });
    expect(lists.at(-1)).toEqual(["a"]);
  });

  it("of an hour end nothing, cost few requests, and are over with the first good answer", async () => {
    const { poller, runtime, errors, lists, asked, registry } = setUp(() => rows("a"));
    poller.start();
    await runtime.advance(0);
    registry.respond = () => ({ status: 503 });
    await runtime.advance(3_600_000);
    expect(lists).toEqual([["a"]]);
    expect(poller.health()).toMatchObject({ failures: errors.length, live: 1 });
    expect(poller.health().ageMs).toBe(3_600_000);
    expect(asked.length).toBeGreaterThan(3_600_000 / 30_000);
    expect(asked.length).toBeLessThan(3_600_000 / 15_000 + 20);
    expect(Math.max(...errors.map(({ retryInMs }) => retryInMs))).toBeLessThanOrEqual(30_000);
    registry.respond = () => rows("a", "b");
    await runtime.advance(30_000);
    expect(lists.at(-1)).toEqual(["a", "b"]);
  });

  it("before the first success leave the list unknown, not empty", async () => {
    const { poller, runtime, lists, registry } = setUp(() => ({ status: 500 }));
    poller.start();
    await runtime.advance(60_000);
    expect(lists).toEqual([]);
    expect(poller.health()).toMatchObject({ lastSuccess: undefined, ageMs: undefined });
    registry.respond = () => rows();
    await runtime.advance(30_000);
    expect(lists[0]).toEqual([]);
    expect(poller.health().lastSuccess).toBe(runtime.wallClock() - (poller.health().ageMs ?? 0));
  });

  it.each([
    ["60", 60_000],
    ["0", 0],
    ["99999999", 300_000],
  ])("with Retry-After %s wait at least that long, at most 5 minutes", async (value, wait) => {
    const { poller, runtime, errors } = setUp(() => ({
      status: 429,
      headers: { "retry-after": value },
    }));
    poller.start();
    await runtime.advance(0);
    expect(errors[0]?.retryInMs).toBeGreaterThanOrEqual(Math.max(wait, 500));
    expect(errors[0]?.retryInMs).toBeLessThanOrEqual(Math.max(wait, 1000));
  });
});

describe("pollNow", () => {
  it("asks at once and resolves with the answer handled", async () => {
    const { poller, runtime, lists, registry } = setUp(() => rows("a"));
    poller.start();
    await runtime.advance(0);
    registry.respond = () => rows("a", "b");
    const polled = poller.pollNow();
    await polled;
    expect(lists.at(-1)).toEqual(["a", "b"]);
    expect(runtime.now()).toBe(0);
  });

  it("during a request asks once more right after it, however often called", async () => {
    const { poller, runtime, asked, registry } = setUp(() => rows("a"));
    const answers: ((answer: Answer) => void)[] = [];
    registry.respond = () => new Promise((resolve) => answers.push(resolve));
    poller.start();
    await runtime.advance(0);
    const resolved: string[] = [];
    for (let call = 0; call < 5; call++) void poller.pollNow().then(() => resolved.push("done"));
    answers[0]?.(rows("a"));
    await runtime.advance(0);
    expect(asked).toHaveLength(2);
    expect(resolved).toEqual([]);
    answers[1]?.(rows("a"));
    await runtime.advance(0);
    expect(asked).toHaveLength(2);
    expect(resolved).toHaveLength(5);
  });

  it("ends a back-off, and resolves though the poll fails", async () => {
    const { poller, runtime, errors } = setUp(() => ({ status: 500 }));
    poller.start();
    await runtime.advance(100_000);
    const before = errors.length;
    await poller.pollNow();
    expect(errors).toHaveLength(before + 1);
  });

  it("does not cut short the wait for a second answer", async () => {
    const { poller, runtime, asked, registry } = setUp(() => rows("a"));
    poller.start();
    await runtime.advance(0);
    registry.respond = () => rows();
    await poller.pollNow();
    void poller.pollNow();
    await runtime.advance(999);
    expect(asked).toHaveLength(2);
    await runtime.advance(1);
    expect(asked).toHaveLength(3);
  });

  it("resolves when the poller stops, and after it", async () => {
    const { poller, runtime, registry } = setUp(() => rows());
    registry.respond = never;
    poller.start();
    const polled = poller.pollNow();
    poller.stop();
    await polled;
    await poller.pollNow();
    expect(runtime.pendingTimers).toBe(0);
  });
});
