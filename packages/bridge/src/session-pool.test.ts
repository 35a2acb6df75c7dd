import { settle, VirtualRuntime } from "@moq-bridge/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Lease, type Metered, SessionPool, type Work } from "./session-pool.js";
import type { SupervisedEnd } from "./supervisor.js";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

class FakeSession implements Metered {
  readonly goaway = new Promise<string>(() => {});
  readonly closed: Promise<SupervisedEnd>;
  requestLimit = 10;
  openSendStreams = 0;
  isClosed = false;
  #end: (end: SupervisedEnd) => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  close(): void {
    this.isClosed = true;
    this.#end({});
  }
}

function setUp(
  options: { maxSessions?: number; requests?: number; names?: number; grant?: number } = {},
) {
  const runtime = new VirtualRuntime();
  const sessions: FakeSession[] = [];
  const pool = new SessionPool<FakeSession>({
    runtime,
    log: quiet,
    name: "cloudflare",
    limits: { requests: options.requests, names: options.names ?? 5, streams: 99 },
    maxSessions: options.maxSessions ?? 4,
    connect: async () => {
      const session = new FakeSession();
      session.requestLimit = options.grant ?? session.requestLimit;
      sessions.push(session);
      return session;
    },
  });
  pool.start();
  const signal = new AbortController().signal;
  const atOnce = async (leasing: Promise<Lease<FakeSession>>) => {
    let given: Lease<FakeSession> | undefined;
    void leasing.then((one) => {
      given = one;
    });
    await settle();
    return given;
  };
  const lease = (work: Work) => atOnce(pool.lease(work, signal));
  const leaseSpare = () => atOnce(pool.leaseSpare(signal));
  return { runtime, sessions, pool, lease, leaseSpare };
}

describe("SessionPool", () => {
  it("opens a successor at 80 % of the requests and closes what is left empty", async () => {
    const { sessions, pool, lease } = setUp();
    const leases = [];
    for (let i = 0; i < 7; i++) leases.push(await lease("track"));
    expect(sessions).toHaveLength(1);
    leases.push(await lease("track"));
    await settle();
    expect(sessions).toHaveLength(2);
    const next = await lease("track");
    expect(next?.session).toBe(sessions[1]);
    for (const one of leases) one?.release();
    await settle();
    expect(sessions[0]?.isClosed).toBe(true);
    expect(sessions[1]?.isClosed).toBe(false);
    await pool.stop();
  });

  it("spares requests for what can be done without only where others can be opened", async () => {
    const { runtime, pool, lease, leaseSpare } = setUp({ maxSessions: 1, requests: 10 });
    const track = await lease("track");
    expect(await leaseSpare()).toBeUndefined();
    track?.release();
    await runtime.advance(2_000);
    await pool.stop();
  });

  it("gives spare requests on without end where nothing else is done, and leaves the last ones", async () => {
    const { runtime, pool, sessions, lease, leaseSpare } = setUp({ maxSessions: 2, requests: 10 });
    await lease("name");
    for (let i = 0; i < 50; i++) {
      (await leaseSpare())?.release();
      await runtime.advance(2_000);
    }
    expect(sessions.length).toBeGreaterThan(5);
    expect(sessions.filter(({ isClosed }) => !isClosed)).toHaveLength(2);
    const tracks = [];
    for (let i = 0; i < 4; i++) tracks.push(await lease("track"));
    expect(tracks).not.toContain(undefined);
    await pool.stop();
  });

  it("waits for a session that grants nothing yet instead of opening others, and uses what it grants then", async () => {
    const { runtime, sessions, pool, lease } = setUp({ grant: 0 });
    const waiting = pool.lease("track", new AbortController().signal);
    await runtime.advance(60_000);
    expect(sessions).toHaveLength(1);
    expect(await lease("track")).toBeUndefined();
    expect(pool.status().waiting).toBe(2);
    if (sessions[0]) sessions[0].requestLimit = 10;
    await runtime.advance(1_000);
    expect((await waiting).session).toBe(sessions[0]);
    expect(pool.status().waiting).toBe(0);
    await pool.stop();
    expect(runtime.pendingTimers).toBe(0);
  });

  it("gives a name to a session whose streams were finished, though nobody says so", async () => {
    const { runtime, sessions, pool, lease } = setUp({ maxSessions: 1 });
    await lease("name");
    if (sessions[0]) sessions[0].openSendStreams = 99;
    const waiting = pool.lease("name", new AbortController().signal);
    await runtime.advance(5_000);
    expect(pool.status().waiting).toBe(1);
    if (sessions[0]) sessions[0].openSendStreams = 3;
    await runtime.advance(1_000);
    expect((await waiting).session).toBe(sessions[0]);
    await pool.stop();
  });

  it("counts names that are given up as room, requests never", async () => {
    const { sessions, lease } = setUp({ names: 2, requests: 100 });
    for (let i = 0; i < 10; i++) (await lease("name"))?.release();
    expect(sessions).toHaveLength(1);
    const held = [await lease("name"), await lease("name"), await lease("name")];
    expect(held.map((one) => sessions.indexOf(one?.session as FakeSession))).toEqual([0, 0, 1]);
  });

  it("uses a grant the peer raises", async () => {
    const { sessions, lease } = setUp({ maxSessions: 1 });
    await settle();
    const [session] = sessions;
    for (let i = 0; i < 10; i++) await lease("track");
    expect(await lease("track")).toBeUndefined();
    if (session) session.requestLimit = 20;
    expect((await lease("track"))?.session).toBe(session);
  });

  it("lets work wait for capacity, says so, and serves it when some is freed", async () => {
    const { runtime, pool, lease } = setUp({ maxSessions: 2, names: 1 });
    const first = await lease("name");
    const second = await lease("name");
    expect(second?.session).not.toBe(first?.session);
    let third: Lease<FakeSession> | undefined;
    void pool.lease("name", new AbortController().signal).then((one) => {
      third = one;
    });
    await runtime.advance(60_000);
    expect(third).toBeUndefined();
    expect(pool.status().waiting).toBe(1);
    expect(pool.shortage).toContain("waiting for capacity");
    first?.release();
    await runtime.advance(1_000);
    expect(third).toBeDefined();
    expect(pool.status().waiting).toBe(0);
  });

  it("replaces a lone session whose credit is gone", async () => {
    const { sessions, lease } = setUp({ maxSessions: 1 });
    for (let i = 0; i < 10; i++) (await lease("track"))?.release();
    const next = await lease("track");
    expect(sessions).toHaveLength(2);
    expect(next?.session).toBe(sessions[1]);
    expect(sessions[0]?.isClosed).toBe(true);
  });

  it("gives a lost session's successor a fresh account", async () => {
    const { runtime, sessions, lease } = setUp({ maxSessions: 1 });
    const held = [];
    for (let i = 0; i < 10; i++) held.push(await lease("track"));
    sessions[0]?.close();
    await runtime.advance(1_000);
    expect((await lease("track"))?.session).toBe(sessions[1]);
    for (const one of held) one?.release();
    expect((await lease("track"))?.session).toBe(sessions[1]);
  });

  it("gives up waiting when asked to, and stops with nothing left", async () => {
    const { runtime, sessions, pool } = setUp({ names: 0 });
    const controller = new AbortController();
    const waiting = pool.lease("name", controller.signal);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await pool.stop();
    expect(sessions.every((session) => session.isClosed)).toBe(true);
    expect(runtime.pendingTimers).toBe(0);
  });

  it("never spends more than a session's credit, whatever happens", async () => {
    const step = fc.oneof(
      fc.constantFrom<Work>("name", "track").map((work) => ({ type: "lease" as const, work })),
      fc.nat(20).map((index) => ({ type: "release" as const, index })),
      fc.nat(5).map((index) => ({ type: "lose" as const, index })),
      fc.constant({ type: "wait" as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const { runtime, sessions, pool, lease } = setUp({ maxSessions: 3 });
        const requests = new Map<FakeSession, number>();
        const names = new Map<FakeSession, number>();
        const held: { work: Work; lease: Lease<FakeSession> }[] = [];
        for (const one of steps) {
          if (one.type === "lease" && pool.hasRoom(one.work)) {
            const got = await lease(one.work);
            if (!got) throw new Error("there was room");
            const { session } = got;
            requests.set(session, (requests.get(session) ?? 0) + 1);
            if (one.work === "name") names.set(session, (names.get(session) ?? 0) + 1);
            expect(session.isClosed).toBe(false);
            expect(requests.get(session)).toBeLessThanOrEqual(10);
            expect(names.get(session) ?? 0).toBeLessThanOrEqual(5);
            held.push({ work: one.work, lease: got });
          } else if (one.type === "release") {
            const [given] = held.splice(one.index % Math.max(1, held.length), 1);
            given?.lease.release();
            const session = given?.lease.session;
            if (session && given.work === "name") names.set(session, (names.get(session) ?? 0) - 1);
          } else if (one.type === "lose") {
            const session = sessions[one.index];
            session?.close();
            await settle();
            for (const given of held.filter((entry) => entry.lease.session === session)) {
              given.lease.release();
              held.splice(held.indexOf(given), 1);
            }
          } else await runtime.advance(6_000);
          expect(sessions.filter((session) => !session.isClosed).length).toBeLessThanOrEqual(3);
          for (const given of held) expect(given.lease.session.isClosed).toBe(false);
        }
        for (const given of held) given.lease.release();
        await runtime.advance(10_000);
        expect(sessions.filter((session) => !session.isClosed)).toHaveLength(1);
        await pool.stop();
        expect(runtime.pendingTimers).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
