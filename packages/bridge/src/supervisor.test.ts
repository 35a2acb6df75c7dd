import { MoqError, settle, VirtualRuntime } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { type Supervised, type SupervisedEnd, Supervisor } from "./supervisor.js";

class FakeSession implements Supervised {
  readonly closed: Promise<SupervisedEnd>;
  readonly goaway: Promise<string>;
  end!: (end: SupervisedEnd) => void;
  askToLeave!: (uri: string) => void;
  isClosed = false;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.end = (end) => {
        this.isClosed = true;
        resolve(end);
      };
    });
    this.goaway = new Promise((resolve) => {
      this.askToLeave = resolve;
    });
  }

  close(): void {
    this.end({});
  }
}

function setUp(connect: (attempt: number) => Promise<FakeSession>) {
  const runtime = new VirtualRuntime();
  const lines: string[] = [];
  const warn = (line: string) => lines.push(line);
  const attempts: number[] = [];
  const supervisor = new Supervisor<FakeSession>({
    runtime,
    log: { debug() {}, info() {}, warn, error: warn },
    name: "relay",
    connect: () => {
      attempts.push(runtime.now());
      return connect(attempts.length);
    },
  });
  return { runtime, lines, attempts, supervisor };
}

const refused = () =>
  Promise.reject(new MoqError("connect_refused", "connection refused", { scope: "session" }));

describe("Supervisor", () => {
  it("retries at once after a session that lived, then with back-off up to 5 s", async () => {
    const sessions: FakeSession[] = [];
    const { runtime, attempts, supervisor } = setUp((attempt) => {
      if (attempt > 1) return refused();
      sessions.push(new FakeSession());
      return Promise.resolve(sessions[0] as FakeSession);
    });
    supervisor.start();
    await runtime.advance(60_000);
    sessions[0]?.end({ error: new MoqError("session_closed", "lost", { scope: "session" }) });
    await settle();
    expect(attempts).toEqual([0, 60_000]);
    await runtime.advance(60_000);
    const gaps = attempts.slice(1).map((at, i, all) => at - (all[i - 1] ?? at));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000);
    for (const gap of gaps.slice(6)) expect(gap).toBeGreaterThanOrEqual(2_500);
    await supervisor.stop();
    expect(runtime.pendingTimers).toBe(0);
  });

  it("does not spin on a peer that accepts and closes at once", async () => {
    const { runtime, attempts, supervisor } = setUp(() => {
      const session = new FakeSession();
      session.close();
      return Promise.resolve(session);
    });
    supervisor.start();
    await runtime.advance(60_000);
    expect(attempts.length).toBeLessThan(30);
    await supervisor.stop();
  });

  it("says the same failure once", async () => {
    const { runtime, lines, supervisor } = setUp(refused);
    supervisor.start();
    await runtime.advance(60_000);
    expect(lines).toEqual(["relay: connection refused; trying again"]);
    expect(supervisor.status()).toMatchObject({
      connected: false,
      lastError: "connection refused",
    });
    await supervisor.stop();
  });

  it("says why a session was lost, also when the peer did not, and remembers it", async () => {
    const [first, second] = [new FakeSession(), new FakeSession()];
    let deliver = (_session: FakeSession) => {};
    const { runtime, supervisor } = setUp((attempt) =>
      attempt === 1
        ? Promise.resolve(first)
        : new Promise((resolve) => {
            deliver = resolve;
          }),
    );
    supervisor.start();
    await runtime.advance(10_000);
    expect(supervisor.status()).toMatchObject({ connected: true, lastLoss: undefined });
    const lastLoss = { at: runtime.wallClock(), reason: "closed by the peer" };
    first.close();
    await settle();
    expect(supervisor.status()).toMatchObject({
      connected: false,
      lastError: lastLoss.reason,
      lastLoss,
    });
    deliver(second);
    await settle();
    expect(supervisor.status()).toMatchObject({ connected: true, lastError: undefined, lastLoss });
    await supervisor.stop();
  });

  it("opens the new session on GOAWAY before it leaves the old one", async () => {
    const sessions: FakeSession[] = [];
    const { runtime, supervisor } = setUp(() => {
      const session = new FakeSession();
      sessions.push(session);
      return Promise.resolve(session);
    });
    supervisor.start();
    await runtime.advance(10_000);
    sessions[0]?.askToLeave("");
    await settle();
    expect(sessions).toHaveLength(2);
    expect(supervisor.current).toBe(sessions[1]);
    expect(sessions[0]?.isClosed).toBe(false);
    await runtime.advance(4_000);
    expect(sessions[0]?.isClosed).toBe(true);
    expect(supervisor.current).toBe(sessions[1]);
    await supervisor.stop();
    expect(sessions[1]?.isClosed).toBe(true);
    expect(runtime.pendingTimers).toBe(0);
  });

  it("keeps the session that got GOAWAY until there is another one, however long that takes", async () => {
    const sessions: FakeSession[] = [];
    const { runtime, supervisor } = setUp((attempt) => {
      if (attempt > 1 && attempt < 8) return refused();
      const session = new FakeSession();
      sessions.push(session);
      return Promise.resolve(session);
    });
    supervisor.start();
    await runtime.advance(10_000);
    sessions[0]?.askToLeave("");
    await runtime.advance(8_000);
    expect(sessions).toHaveLength(1);
    expect(supervisor.current).toBe(sessions[0]);
    expect(sessions[0]?.isClosed).toBe(false);
    await runtime.advance(20_000);
    expect(supervisor.current).toBe(sessions[1]);
    expect(sessions[0]?.isClosed).toBe(true);
    await supervisor.stop();
    expect(runtime.pendingTimers).toBe(0);
  });

  it("hands the next session to those who wait, and lets them give up", async () => {
    const session = new FakeSession();
    const { runtime, supervisor } = setUp((attempt) =>
      attempt < 3 ? refused() : Promise.resolve(session),
    );
    const giveUp = new AbortController();
    const givenUp = supervisor.wait(giveUp.signal);
    const waiting = supervisor.wait(new AbortController().signal);
    supervisor.start();
    giveUp.abort(new Error("enough"));
    await expect(givenUp).rejects.toThrow("enough");
    await runtime.advance(5_000);
    expect(await waiting).toBe(session);
    await supervisor.stop();
  });

  it("closes a session that came up while it was stopping", async () => {
    let deliver: (session: FakeSession) => void = () => {};
    const { supervisor } = setUp(
      () =>
        new Promise((resolve) => {
          deliver = resolve;
        }),
    );
    supervisor.start();
    await settle();
    await supervisor.stop();
    const late = new FakeSession();
    deliver(late);
    await settle();
    expect(late.isClosed).toBe(true);
  });

  it("keeps a session due for renewal in use until its successor is up", async () => {
    const sessions: FakeSession[] = [];
    const renewals: (() => void)[] = [];
    const runtime = new VirtualRuntime();
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    let attempts = 0;
    const supervisor = new Supervisor<FakeSession>({
      runtime,
      log: quiet,
      name: "relay",
      connect: () => {
        attempts++;
        if (attempts === 2 || attempts === 3) return refused();
        const session = new FakeSession();
        sessions.push(session);
        return Promise.resolve(session);
      },
      renewal: () => new Promise((resolve) => renewals.push(resolve)),
    });
    supervisor.start();
    await runtime.advance(1_000);
    renewals[0]?.();
    await settle();
    expect(attempts).toBe(2);
    expect(supervisor.current).toBe(sessions[0]);
    expect(supervisor.status()).toMatchObject({ connected: true, lastError: "connection refused" });
    await runtime.advance(2_000);
    expect(supervisor.current).toBe(sessions[1]);
    expect(sessions[0]?.isClosed).toBe(false);
    await runtime.advance(4_000);
    expect(sessions[0]?.isClosed).toBe(true);
    expect(supervisor.current).toBe(sessions[1]);
    // The next time the old session ends before there is a new one.
    attempts = 1;
    renewals[1]?.();
    await settle();
    sessions[1]?.end({});
    await settle();
    expect(supervisor.current).toBeUndefined();
    await runtime.advance(2_000);
    expect(supervisor.current).toBe(sessions[2]);
    await supervisor.stop();
    expect(sessions[2]?.isClosed).toBe(true);
    expect(runtime.pendingTimers).toBe(0);
  });
});
