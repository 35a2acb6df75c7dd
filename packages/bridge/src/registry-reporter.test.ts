import { createRegistryService, MemoryStore, TokenVerifier } from "@moq-bridge/registry/service";
import {
  type HttpHandler,
  type HttpPostOptions,
  type HttpResponse,
  MoqError,
  VirtualRuntime,
} from "@moq-bridge/runtime";
import { SignJWT } from "jose";
import { afterEach, describe, expect, it } from "vitest";
import { RegistryReporter } from "./registry-reporter.js";
import { Publisher, World } from "./world.fixture.js";

const SECRET = "a secret that only tests know, long enough";
const LEASE_MS = 30_000;
const URL = "https://registry.example/api/stats/greet";

/** The reference service in memory, on the test's clock, and who asked it for what. */
class Registry {
  readonly store = new MemoryStore();
  readonly asked: string[] = [];
  up = true;
  #now = () => 0;
  readonly #handler = createRegistryService({
    store: this.store,
    now: () => this.#now(),
    writing: new TokenVerifier({ secret: SECRET, now: () => this.#now() }),
    reading: "open",
    pages: [],
    leaseMs: LEASE_MS,
  });

  clock(runtime: VirtualRuntime): void {
    this.#now = () => runtime.wallClock();
  }

  readonly #answering = new Set<Promise<HttpResponse>>();

  readonly http: HttpHandler = (url, options) => {
    const answer = this.#answer(url, options);
    this.#answering.add(answer);
    const done = () => this.#answering.delete(answer);
    answer.then(done, done);
    return answer;
  };

  /** Moves the clock in steps, and lets signatures and digests, which take real time, be made between them. */
  async advance(runtime: VirtualRuntime, ms: number): Promise<void> {
    const steps = Math.max(1, Math.ceil(ms / 2_500));
    for (let step = 0; step < steps; step++) {
      await runtime.advance(ms / steps);
      while (this.#answering.size > 0) {
        await Promise.allSettled(this.#answering);
        await runtime.advance(0);
      }
    }
  }

  readonly #answer: HttpHandler = async (url, options) => {
    if (!this.up) throw new MoqError("http_unreachable", "nothing answers", { scope: "process" });
    const { body } = options as Partial<HttpPostOptions>;
    this.asked.push(url.replace("https://registry.example/api/stats/", ""));
    const request = new Request(url, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...options.headers },
      ...(body === undefined ? {} : { body }),
    });
    const answer = await this.#handler(request);
    return {
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
      body: new Uint8Array(await answer.arrayBuffer()),
      url,
    };
  };

  async live(): Promise<string[]> {
    const rows = await this.store.live(this.#now());
    return rows.map((row) => `${row.stream_id} ${row.origin}`);
  }

  /** Somebody else starts a stream. */
  claim(streamId: string, leaseMs = LEASE_MS) {
    const now = this.#now();
    const leaseEndsAt = now + leaseMs;
    return this.store.claim({ streamId, origin: "cloudflare", holder: "alice", now, leaseEndsAt });
  }
}

const token = (prefixes = [""]) =>
  new SignJWT({ prefixes })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("bridge")
    .setExpirationTime(9_999_999_999)
    .sign(new TextEncoder().encode(SECRET));

async function setUp({ path = "{stream_id}", prefixes = [""] } = {}) {
  const registry = new Registry();
  const runtime = new VirtualRuntime({ http: registry.http });
  registry.clock(runtime);
  const lines: string[] = [];
  const say = (line: string) => lines.push(line);
  const bearer = await token(prefixes);
  const reporter = new RegistryReporter({
    runtime,
    log: { debug() {}, info: say, warn: say, error: say },
    url: URL,
    path,
    token: async () => bearer,
  });
  const advance = (ms: number) => registry.advance(runtime, ms);
  return { registry, runtime, reporter, lines, advance };
}

describe("what the relay publishes", () => {
  it("is listed while it is live, its lease renewed in time", async () => {
    const { registry, reporter, advance } = await setUp();
    reporter.show("a/b");
    reporter.show("a/b");
    await expect.poll(() => registry.live()).toEqual(["a/b earthseed"]);
    for (let minute = 0; minute < 10; minute++) {
      await advance(60_000);
      expect(await registry.live()).toEqual(["a/b earthseed"]);
    }
    expect(reporter.status()).toMatchObject({ live: 1, conflicts: 0, failing: 0 });
    expect(registry.asked.length).toBeLessThanOrEqual(600 / 8);
    reporter.hide("a/b");
    await advance(5_000);
    await expect.poll(() => registry.live()).toEqual([]);
    expect(registry.asked.at(-1)).toBe("broadcast/end");
  });

  it("stays listed, with its start, when the relay is gone for a moment", async () => {
    const { registry, reporter, advance } = await setUp();
    reporter.show("a");
    await expect.poll(() => registry.live()).toHaveLength(1);
    const before = await registry.store.live(0);
    reporter.hide("a");
    await advance(4_900);
    reporter.show("a");
    await advance(10_000);
    expect(await registry.store.live(0)).toEqual(before);
    expect(registry.asked).not.toContain("broadcast/end");
  });

  it("is ended when the bridge stops, and nothing is left running", async () => {
    const { registry, runtime, reporter, advance } = await setUp();
    for (let index = 0; index < 30; index++) reporter.show(`s${index}`);
    await expect.poll(() => registry.live()).toHaveLength(30);
    await advance(0);
    await reporter.stop();
    expect(await registry.live()).toEqual([]);
    expect(runtime.pendingTimers).toBe(0);
  });

  it("is left to its lease when the registry is down at the end", async () => {
    const { registry, runtime, reporter, advance } = await setUp();
    reporter.show("a");
    await expect.poll(() => registry.live()).toHaveLength(1);
    await advance(0);
    registry.up = false;
    const stopped = reporter.stop();
    await runtime.advance(1_000);
    await stopped;
    expect(runtime.pendingTimers).toBe(0);
    await runtime.advance(LEASE_MS);
    expect(await registry.live()).toEqual([]);
  });

  it("is listed again after an outage, which is said once", async () => {
    const { registry, reporter, lines, advance } = await setUp();
    registry.up = false;
    reporter.show("a");
    await advance(3_600_000);
    expect(lines).toEqual(["registry: nothing answers; the relay's streams are not listed there"]);
    expect(reporter.status()).toMatchObject({ failing: 1, lastError: "nothing answers" });
    registry.up = true;
    await advance(30_000);
    await expect.poll(() => registry.live()).toEqual(["a earthseed"]);
    expect(reporter.status()).toMatchObject({ live: 1, lastError: undefined });
  });

  it("is a conflict while somebody else holds the name, and listed when they let go", async () => {
    const { registry, reporter, lines, advance } = await setUp();
    await registry.claim("a", 60_000);
    reporter.show("a");
    await expect.poll(() => reporter.status().conflicts).toBe(1);
    expect(await registry.live()).toEqual(["a cloudflare"]);
    await advance(95_000);
    await expect.poll(() => registry.live()).toEqual(["a earthseed"]);
    expect(lines).toEqual(["the registry holds the relay's name for somebody else"]);
  });

  it("never ends what somebody else holds", async () => {
    const { registry, reporter, advance } = await setUp();
    await registry.claim("a", 600_000);
    reporter.show("a");
    await expect.poll(() => reporter.status().conflicts).toBe(1);
    reporter.hide("a");
    await advance(10_000);
    expect(await registry.live()).toEqual(["a cloudflare"]);
    expect(registry.asked).not.toContain("broadcast/end");
  });

  it("is written under the id that the registry's template makes its path of", async () => {
    const { registry, reporter } = await setUp({ path: "earthseed.live/{stream_id}" });
    reporter.show("earthseed.live/a");
    reporter.show("elsewhere/b");
    await expect.poll(() => registry.live()).toEqual(["a earthseed"]);
    expect(reporter.status()).toMatchObject({ live: 1, failing: 0 });
  });

  it("says that its token does not permit it, without the token", async () => {
    const { reporter, lines, advance } = await setUp({ prefixes: ["other"] });
    reporter.show("a");
    await advance(120_000);
    expect(lines).toEqual([
      "registry: https://registry.example: refused a write with status 403; the relay's streams are not listed there",
    ]);
  });
});

describe("the bridge", () => {
  let world: World | undefined;
  afterEach(async () => {
    const stopped = world?.bridge.stop();
    await world?.runtime.advance(20_000);
    await stopped;
  });

  it("lists the relay's broadcasts, and never takes them for Cloudflare's", async () => {
    const registry = new Registry();
    const bearer = await token();
    const started = new World({ report: { url: URL, token: async () => bearer } });
    world = started;
    started.http = (url, options) => registry.http(url.endsWith("/live") ? URL : url, options);
    registry.clock(started.runtime);
    started.bridge.start();
    await registry.advance(started.runtime, 2_000);
    new Publisher(started.relay.native, "room/a");
    await registry.advance(started.runtime, 100);
    await expect.poll(() => registry.live()).toEqual(["room/a earthseed"]);
    await registry.claim("live/c", 600_000);
    await registry.advance(started.runtime, 5_000);
    expect([...started.cdn.names.keys()]).toEqual(["room/a"]);
    expect(started.announced(started.relay.bridged)).toEqual(["live/c"]);
    const { broadcasts, report } = started.bridge.status();
    expect(broadcasts.map(({ path, direction, state }) => [path, direction, state])).toEqual(
      expect.arrayContaining([
        ["room/a", "to-cloudflare", "announced"],
        ["live/c", "to-relay", "announced"],
      ]),
    );
    expect(broadcasts).toHaveLength(2);
    expect(report).toMatchObject({ live: 1, label: "https://registry.example" });
  });
});
