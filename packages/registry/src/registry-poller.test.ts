import {
  type HttpGetOptions,
  type HttpResponse,
  MoqError,
  VirtualRuntime,
} from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { RegistryPoller, type RegistryPollerOptions } from "./registry-poller.js";

const INTERVAL = 5000;

type Answer = Partial<Omit<HttpResponse, "body">> & { body?: unknown };
type Respond = (options: HttpGetOptions) => Answer | Promise<Answer>;

/** A poller of a registry that answers as `respond` says at the time. */
function setUp(first: Respond, options: Partial<RegistryPollerOptions> = {}) {
  const registry = { respond: first };
  const asked: { at: number; url: string; headers: Record<string, string> }[] = [];
  const runtime = new VirtualRuntime({
    http: async (url, get) => {
      asked.push({ at: runtime.now(), url, headers: { ...get.headers } });
      const answer = await registry.respond(get);
      const body = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
      return {
        status: answer.status ?? 200,
        headers: answer.headers ?? {},
        body: new TextEncoder().encode(body ?? ""),
        url,
      };
    },
  });
  const lists: string[][] = [];
  const errors: { error: MoqError; retryInMs: number }[] = [];
  const poller = new RegistryPoller({
    runtime,
    url: "https://registry.test/api?key=hunter2",
    intervalMs: INTERVAL,
    onEntries: (entries) => lists.push(entries.map((entry) => entry.streamId)),
    onError: (error, retryInMs) => errors.push({ error, retryInMs }),
    ...options,
  });
  return { registry, asked, runtime, lists, errors, poller };
}

const rows = (...names: string[]): Answer => ({
  body: { broadcasts: names.map((name) => ({ stream_id: name, origin: "cloudflare" })) },
});
const never = () => new Promise<never>(() => {});
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
      headers: { "x-key": "1" },
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
