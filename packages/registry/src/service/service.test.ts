import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LEASE_MS, PAGE, SECRET, ServiceFixture, token } from "../../test/service-fixture.js";
import { STORES, type TestStore } from "../../test/stores.js";
import { TokenVerifier } from "./tokens.js";

/** Streams of one test do not meet those of another though the store is shared: time passes between tests. */
const APART_MS = 10 * LEASE_MS;

describe.each(Object.keys(STORES))("on %s", (kind) => {
  let opened: TestStore;
  let start = Date.UTC(2026, 10, 23, 10);
  const setUp = (options: ConstructorParameters<typeof ServiceFixture>[1] = {}) => {
    start += APART_MS;
    return new ServiceFixture(opened.store, options, start);
  };
  beforeAll(async () => {
    opened = await (STORES[kind] as () => Promise<TestStore>)();
  }, 60_000);
  afterAll(() => opened?.close());

  describe("a broadcast", () => {
    it("is listed from its start to its end", async () => {
      const service = setUp();
      expect(await service.live()).toEqual([]);
      const startedAt = new Date(service.clock.now).toISOString().replace("T", " ").slice(0, -1);
      const started = await service.start("meeting/abc");
      expect(started).toMatchObject({
        status: 201,
        body: {
          stream_id: "meeting/abc",
          origin: "cloudflare",
          started_at: startedAt,
          lease_ends_at: new Date(service.clock.now + LEASE_MS).toISOString(),
          lease_seconds: LEASE_MS / 1000,
        },
      });
      const greeted = await service.greet();
      expect(greeted.body).toEqual({
        broadcasts: [
          {
            stream_id: "meeting/abc",
            origin: "cloudflare",
            started_at: startedAt,
            viewer_count: 0,
          },
        ],
      });
      expect(await service.end("meeting/abc")).toMatchObject({
        status: 200,
        body: { stream_id: "meeting/abc", ended: true },
      });
      expect(await service.live()).toEqual([]);
    });

    it("may be started and ended any number of times", async () => {
      const service = setUp();
      const first = await service.start("a");
      service.clock.now += 5;
      const second = await service.start("a");
      expect([first.status, second.status]).toEqual([201, 200]);
      expect(second.body["started_at"]).toBe(first.body["started_at"]);
      expect(await service.live()).toEqual(["a"]);
      expect((await service.end("a")).body["ended"]).toBe(true);
      expect(await service.end("a")).toMatchObject({ status: 200, body: { ended: false } });
      expect(await service.end("never")).toMatchObject({ status: 200, body: { ended: false } });
      service.clock.now += 5;
      const again = await service.start("a");
      expect(again.status).toBe(201);
      expect(again.body["started_at"]).not.toBe(first.body["started_at"]);
    });

    it("is gone when its lease runs out, and lives on when it is refreshed", async () => {
      const service = setUp();
      await service.start("a");
      await service.start("b");
      service.clock.now += LEASE_MS - 1;
      expect(await service.live()).toEqual(["a", "b"]);
      await service.start("b");
      service.clock.now += 1;
      expect(await service.live()).toEqual(["b"]);
      expect((await service.end("a")).body["ended"]).toBe(false);
      const again = await service.start("a", {}, "bob");
      expect(again.status).toBe(201);
      expect(await opened.store.sweep(service.clock.now)).toBe(0);
    });

    it("of a lease that ran out is swept away once", async () => {
      const service = setUp();
      await opened.store.sweep(service.clock.now);
      for (const name of ["a", "b", "c"]) await service.start(name);
      service.clock.now += LEASE_MS;
      expect(await opened.store.sweep(service.clock.now)).toBe(3);
      expect(await opened.store.sweep(service.clock.now)).toBe(0);
    });

    it("held by another user is a conflict, for starting and ending", async () => {
      const service = setUp();
      await service.start("a");
      service.clock.now += 10_000;
      const taken = await service.start("a", {}, "bob");
      expect(taken).toMatchObject({
        status: 409,
        body: { type: "urn:moq-bridge:registry:stream_held" },
      });
      expect(taken.headers.get("retry-after")).toBe("50");
      expect(JSON.stringify(taken.body)).not.toContain("alice");
      expect((await service.end("a", "bob")).status).toBe(409);
      expect(await service.live()).toEqual(["a"]);
      service.clock.now += LEASE_MS - 10_000;
      expect((await service.start("a", {}, "bob")).status).toBe(201);
      expect((await service.start("a")).status).toBe(409);
    });

    it("belongs to a subject exactly as it is written, though it looks like a number", async () => {
      const service = setUp();
      for (const [index, subject] of ["7", "07", "7.0", " 7", "64e1234567890"].entries()) {
        expect((await service.start(`s${index}`, {}, subject)).status).toBe(201);
      }
      expect((await service.start("s0", {}, "07")).status).toBe(409);
      expect((await service.end("s1", "7")).status).toBe(409);
      expect((await service.end("s4", "64e1234567890")).body["ended"]).toBe(true);
    });

    it("that moves to the other network starts anew there", async () => {
      const service = setUp();
      const there = await service.start("a");
      service.clock.now += 1;
      const here = await service.start("a", { origin: "earthseed" });
      expect(here.status).toBe(201);
      expect(here.body["started_at"]).not.toBe(there.body["started_at"]);
      expect(await service.live("?origin=earthseed")).toEqual(["a"]);
      expect(await service.live("?origin=cloudflare")).toEqual([]);
      expect(await service.live()).toEqual(["a"]);
    });

    it("keeps its lease when an earlier request comes late", async () => {
      const service = setUp();
      service.clock.now += 5_000;
      await service.start("a");
      service.clock.now -= 5_000;
      const late = await service.start("a");
      expect(late.body["lease_ends_at"]).toBe(
        new Date(service.clock.now + 5_000 + LEASE_MS).toISOString(),
      );
    });

    it("tells its viewers when asked to, and keeps them over a refresh", async () => {
      const service = setUp();
      await service.start("a", { viewer_count: 7 });
      await service.start("a");
      const { body } = await service.greet();
      expect(body["broadcasts"]).toMatchObject([{ stream_id: "a", viewer_count: 7 }]);
    });

    it("may have any name that is a path, in the order of code points", async () => {
      const service = setUp();
      const names = [
        "!",
        "a",
        "a b",
        "a'; DROP TABLE broadcast_events;--",
        "a/b",
        "é",
        "\u{ffff}",
        "𝄞",
      ];
      for (const name of [...names].reverse()) expect((await service.start(name)).status).toBe(201);
      expect(await service.live()).toEqual(names);
    });
  });

  describe("the list", () => {
    it("has a strong ETag that is the same for the same streams, and 304 for it", async () => {
      const service = setUp();
      await service.start("a");
      const first = await service.greet();
      const etag = first.headers.get("etag") ?? "";
      expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
      await service.start("a");
      for (const value of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
        const answer = await service.greet("", { "if-none-match": value });
        expect(answer).toMatchObject({ status: 304, body: {} });
        expect(answer.headers.get("etag")).toBe(etag);
      }
      await service.start("b");
      const changed = await service.greet("", { "if-none-match": etag });
      expect(changed.status).toBe(200);
      expect(changed.headers.get("etag")).not.toBe(etag);
      await service.end("b");
      expect((await service.greet("", { "if-none-match": etag })).status).toBe(304);
    });

    it("is of one origin when asked for, and refuses others", async () => {
      const service = setUp();
      await service.start("c");
      await service.start("e", { origin: "earthseed" });
      expect(await service.live("?origin=cloudflare")).toEqual(["c"]);
      expect(await service.live("?origin=earthseed")).toEqual(["e"]);
      for (const origin of ["", "elsewhere", "' OR 1=1 --"]) {
        const answer = await service.greet(`?origin=${encodeURIComponent(origin)}`);
        expect(answer).toMatchObject({ status: 400 });
      }
    });

    it("has a HEAD", async () => {
      const service = setUp();
      const answer = await service.request("/api/stats/greet", { method: "HEAD" });
      expect(answer).toMatchObject({ status: 200, body: {} });
      expect(answer.headers.get("etag")).not.toBeNull();
    });
  });

  describe("a request that does not fit is refused with a problem document:", () => {
    const long = (parts: number) => Array.from({ length: parts }, () => "p").join("/");
    it.each<[string, number, unknown]>([
      ["no object", 422, [1]],
      ["null", 422, null],
      ["no stream_id", 422, { origin: "cloudflare" }],
      ["a number for stream_id", 422, { stream_id: 7, origin: "cloudflare" }],
      ["a list for stream_id", 422, { stream_id: ["a"], origin: "cloudflare" }],
      ...[
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "a/../b",
        "a/./b",
        ".hidden/a",
        "internal",
        "internal/origins/host",
        "a\u0000b",
        "a\nb",
        "a\u0085b",
        "a\ud800b",
        long(33),
        "é".repeat(513),
      ].map((id): [string, number, unknown] => [
        `stream_id ${JSON.stringify(id).slice(0, 30)}`,
        422,
        { stream_id: id, origin: "cloudflare" },
      ]),
      ["no origin", 422, { stream_id: "a" }],
      ["an unknown origin", 422, { stream_id: "a", origin: "Cloudflare" }],
      ["SQL for an origin", 422, { stream_id: "a", origin: "cloudflare' OR '1'='1" }],
      ["a viewer_count below 0", 422, { stream_id: "a", origin: "cloudflare", viewer_count: -1 }],
      ["a text for viewer_count", 422, { stream_id: "a", origin: "cloudflare", viewer_count: "1" }],
      ["cut off JSON", 400, '{"stream_id":"a"'],
      ["an empty body", 400, ""],
      ["a body of 1 MB", 413, `{"stream_id":"${"a".repeat(1_000_000)}"}`],
    ])("%s", async (_, status, body) => {
      const service = setUp();
      for (const path of ["/api/stats/broadcast", "/api/stats/broadcast/end"]) {
        if (path.endsWith("end") && JSON.stringify(body)?.includes("viewer_count")) continue;
        const answer = await service.post(path, body);
        expect(answer).toMatchObject({ status, body: { status } });
        expect(answer.headers.get("content-type")).toBe("application/problem+json");
        expect(answer.body["type"]).toMatch(/^urn:moq-bridge:registry:[a-z_]+$/);
        expect(Object.keys(answer.body)).toEqual(
          expect.arrayContaining(["type", "title", "status", "detail"]),
        );
      }
      expect(await service.live()).toEqual([]);
    });

    it("a long name of exactly the limits is accepted", async () => {
      const service = setUp();
      expect((await service.start(long(32))).status).toBe(201);
      expect((await service.start("é".repeat(512))).status).toBe(201);
    });

    it.each([
      ["text/plain", 415],
      ["application/x-www-form-urlencoded", 415],
      ["application/json; charset=utf-8", 201],
    ])("content type %s: %i", async (type, status) => {
      const service = setUp();
      const body = { stream_id: "a", origin: "cloudflare" };
      const answer = await service.post("/api/stats/broadcast", body, {
        headers: { "content-type": type },
      });
      expect(answer.status).toBe(status);
    });

    it("an endless body is not read to its end", async () => {
      const service = setUp();
      let pulled = 0;
      const body = new ReadableStream({
        pull(controller) {
          pulled++;
          controller.enqueue(new Uint8Array(8_192));
        },
      });
      const answer = await service.request("/api/stats/broadcast", {
        method: "POST",
        headers: {
          "content-type": "application/json",
          authorization: `Bearer ${await service.token()}`,
        },
        body,
        duplex: "half",
      } as RequestInit);
      expect(answer.status).toBe(413);
      expect(pulled).toBeLessThan(10);
    });

    it.each([
      ["/", "GET", 404],
      ["/api/stats", "GET", 404],
      ["/api/stats/greet/", "GET", 404],
      ["/api/stats/../stats/greet", "GET", 200],
      ["/api/stats/%67reet", "GET", 404],
      ["//api/stats/greet", "GET", 404],
      ["/constructor", "GET", 404],
      ["/__proto__", "GET", 404],
      ["/api/stats/greet", "POST", 405],
      ["/api/stats/broadcast", "GET", 405],
      ["/api/stats/broadcast", "DELETE", 405],
      ["/api/stats/broadcast/end", "PUT", 405],
    ])("%s %s: %i", async (path, method, status) => {
      const answer = await setUp().request(path, { method });
      expect(answer.status).toBe(status);
      if (status === 405) expect(answer.headers.get("allow")).toMatch(/GET|POST/);
    });
  });

  describe("writing", () => {
    const write = (service: ServiceFixture, bearer: string, streamId = "team/a") =>
      service.post(
        "/api/stats/broadcast",
        { stream_id: streamId, origin: "cloudflare" },
        { bearer },
      );

    it("needs a token", async () => {
      const service = setUp();
      const body = JSON.stringify({ stream_id: "a", origin: "cloudflare" });
      for (const authorization of [undefined, "", "Basic YTpi", "Bearer", "Bearer a b"]) {
        const headers = {
          "content-type": "application/json",
          ...(authorization === undefined ? {} : { authorization }),
        };
        const answer = await service.request("/api/stats/broadcast", {
          method: "POST",
          headers,
          body,
        });
        expect(answer.status).toBe(401);
        expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="registry"');
      }
    });

    it("refuses tokens of other keys, without a signature, expired, without subject", async () => {
      const service = setUp();
      const { now } = service.clock;
      const good = await service.token();
      const [head = "", body = "", signature = ""] = good.split(".");
      const none = Buffer.from('{"alg":"none"}').toString("base64url");
      const refused = [
        "x",
        "a.b.c",
        await service.token({ secret: "another secret, which is long enough too" }),
        `${none}.${body}.`,
        `${head}.${body}.`,
        `${head}.${Buffer.from('{"sub":"eve","prefixes":[""],"exp":9999999999}').toString("base64url")}.${signature}`,
        await token(now - 3_600_000, { seconds: 3599 }),
        await service.token({ subject: "" }),
        await service.token({ prefixes: "everything" }),
        await service.token({ prefixes: [1] }),
        "x".repeat(10_000),
      ];
      for (const bearer of refused) {
        const answer = await write(service, bearer);
        expect(answer.status).toBe(401);
        expect(answer.headers.get("www-authenticate")).toContain('error="invalid_token"');
        expect(JSON.stringify(answer.body)).not.toContain(bearer);
      }
      start += 3_600_000;
      service.clock.now += 3_599_000;
      expect((await write(service, good)).status).toBe(201);
      service.clock.now += 1_000;
      expect(await write(service, good)).toMatchObject({
        status: 401,
        body: { detail: "it has expired" },
      });
      expect(await service.live()).toEqual(["team/a"]);
    });

    it.each<[unknown, string, number]>([
      [["team"], "team/a", 201],
      [["team/"], "team/a", 201],
      [["team"], "team", 201],
      [["x", "team/a"], "team/a", 201],
      [[""], "team/a", 201],
      [["team"], "teams/a", 403],
      [["team"], "Team/a", 403],
      [["team/b"], "team/a", 403],
      [["tea"], "team/a", 403],
      [["*"], "team/a", 403],
      [[], "team/a", 403],
      [undefined, "team/a", 403],
      [["team"], "team/../other", 422],
    ])("with the prefixes %j to %s: %i", async (prefixes, streamId, status) => {
      const service = setUp();
      const bearer =
        prefixes === undefined
          ? await service.token({ prefixes: null })
          : await service.token({ prefixes });
      expect((await write(service, bearer, streamId)).status).toBe(status);
      const ended = await service.post(
        "/api/stats/broadcast/end",
        { stream_id: streamId, origin: "cloudflare" },
        { bearer },
      );
      expect(ended.status).toBe(status === 201 ? 200 : status);
    });

    it("may be open, and then the two networks hold their streams against each other", async () => {
      const service = setUp({ writing: "open" });
      const post = (path: string, origin: string) =>
        service.request(path, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ stream_id: "a", origin }),
        });
      expect((await post("/api/stats/broadcast", "cloudflare")).status).toBe(201);
      expect((await post("/api/stats/broadcast", "cloudflare")).status).toBe(200);
      expect((await post("/api/stats/broadcast", "earthseed")).status).toBe(409);
      expect((await post("/api/stats/broadcast/end", "earthseed")).status).toBe(409);
      expect((await post("/api/stats/broadcast/end", "cloudflare")).status).toBe(200);
    });

    it.each([
      ["stream_id", { stream_id: "x'); DELETE FROM broadcast_events; --" }],
      ["origin", { origin: "earthseed'); DELETE FROM broadcast_events; --" }],
      ["viewer_count", { viewer_count: "0); DELETE FROM broadcast_events; --" }],
      ["subject", {}],
    ])("takes SQL in %s for text", async (field, more) => {
      const service = setUp();
      await service.start("kept");
      const subject = field === "subject" ? "x'; DELETE FROM broadcast_events; --" : "alice";
      await service.start("other", more, subject);
      await service.end("other' OR '1'='1", subject);
      expect(await service.live()).toContain("kept");
      expect(service.failures).toEqual([]);
    });
  });

  describe("reading", () => {
    it("may need a token, of any prefix", async () => {
      const reading = setUp();
      const service = setUp({ reading: readingOf(reading) });
      expect((await service.greet()).status).toBe(401);
      const authorization = `Bearer ${await token(service.clock.now, { prefixes: ["x"] })}`;
      reading.clock.now = service.clock.now;
      expect((await service.greet("", { authorization })).status).toBe(200);
    });
  });

  describe("pages", () => {
    const preflight = (service: ServiceFixture, origin: string) =>
      service.request("/api/stats/broadcast", {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type",
        },
      });

    it("of the list may read and write", async () => {
      const service = setUp();
      const asked = await preflight(service, PAGE);
      expect(asked.status).toBe(204);
      expect(asked.headers.get("access-control-allow-origin")).toBe(PAGE);
      expect(asked.headers.get("access-control-allow-methods")).toBe("POST");
      expect(asked.headers.get("access-control-allow-headers")).toBe(
        "Authorization, Content-Type, If-None-Match",
      );
      const headers = { origin: PAGE };
      const body = { stream_id: "a", origin: "cloudflare" };
      const written = await service.post("/api/stats/broadcast", body, { headers });
      expect(written.status).toBe(201);
      for (const answer of [written, await service.greet("", headers)]) {
        expect(answer.headers.get("access-control-allow-origin")).toBe(PAGE);
        expect(answer.headers.get("access-control-expose-headers")).toContain("ETag");
        expect(answer.headers.get("vary")).toBe("Origin");
        expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
      }
    });

    it.each(["https://evil.example", "https://app.example.evil", "http://app.example", "null"])(
      "of %s may not",
      async (origin) => {
        const service = setUp();
        const body = { stream_id: "a", origin: "cloudflare" };
        const written = await service.post("/api/stats/broadcast", body, { headers: { origin } });
        expect(written.status).toBe(403);
        expect(await service.live()).toEqual([]);
        for (const answer of [
          written,
          await preflight(service, origin),
          await service.greet("", { origin }),
        ]) {
          expect(answer.headers.get("access-control-allow-origin")).toBeNull();
        }
      },
    );

    it("of every origin may when the list says so", async () => {
      const service = setUp({ pages: ["*"] });
      const answer = await service.greet("", { origin: "https://anywhere.example" });
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    });

    it("may read a refusal too", async () => {
      const answer = await setUp().request("/api/stats/broadcast", {
        method: "POST",
        headers: { origin: PAGE },
      });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("access-control-allow-origin")).toBe(PAGE);
    });
  });

  it("parallel writes lose and double nothing", { timeout: 60_000 }, async () => {
    const service = setUp();
    const bearers = await Promise.all(
      Array.from({ length: 4 }, (_, user) => service.token({ subject: `user${user}` })),
    );
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const streamId = `s${index % 25}`;
        const answer = await service.post(
          "/api/stats/broadcast",
          { stream_id: streamId, origin: "cloudflare" },
          { bearer: bearers[Math.floor(index / 25)] ?? "" },
        );
        return { streamId, status: answer.status };
      }),
    );
    expect(service.failures).toEqual([]);
    for (let index = 0; index < 25; index++) {
      const statuses = answers
        .filter((answer) => answer.streamId === `s${index}`)
        .map((answer) => answer.status);
      expect(statuses.sort()).toEqual([201, 409, 409, 409]);
    }
    expect(await service.live()).toHaveLength(25);
    expect(new Set(await service.live()).size).toBe(25);
  });
});

function readingOf(service: ServiceFixture) {
  return new TokenVerifier({ secret: SECRET, now: () => service.clock.now });
}
