import { afterEach, describe, expect, it } from "vitest";
import { SECRET, token } from "../../test/service-fixture.js";
import { migrate, migrationNames, openD1 } from "../../test/stores.js";
import { type DrivenRequest, RunningWorker } from "../../test/worker.js";
import { type D1, D1Store, LIVE_SQL } from "./d1-store.js";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(): Promise<D1> {
  const { database, close } = await openD1();
  closing.push(close);
  return database;
}

interface Cells {
  readonly id?: unknown;
  readonly user_id?: unknown;
  readonly holder?: unknown;
  readonly stream_id?: unknown;
  readonly started_at?: unknown;
  readonly ended_at?: unknown;
}

async function rows(database: D1, sql: string): Promise<Cells[]> {
  return (await database.prepare(sql).bind().all<Cells>()).results;
}

describe("migrations", () => {
  it("keep every row of before, and of several live ones of a stream the latest live", async () => {
    const database = await open();
    const [first = "", ...later] = migrationNames();
    await migrate(database, first);
    const old = [
      [1, 7, "ended", "2026-01-01 10:00:00", "2026-01-01 11:00:00"],
      [2, 7, "double", "2026-11-01 10:00:00", null],
      [3, 8, "double", "2026-11-02 10:00:00", null],
      [4, 9, "double", "2026-11-03 10:00:00", null],
      [5, 9, "no-start", null, null],
      [6, 9, "future", "2126-01-01 10:00:00", null],
    ];
    for (const values of old) {
      await database
        .prepare(
          "INSERT INTO broadcast_events (id, user_id, stream_id, started_at, ended_at, geo_city) VALUES (?, ?, ?, ?, ?, 'Bern')",
        )
        .bind(...values)
        .all();
    }
    const before = Math.floor(Date.now() / 1000) * 1000;
    for (const name of later) await migrate(database, name);

    const kept = await rows(database, "SELECT * FROM broadcast_events ORDER BY id");
    expect(kept.map((row) => [row.id, row.user_id, row.stream_id, row.started_at])).toEqual(
      old.map((row) => row.slice(0, 4)),
    );
    expect(kept.map((row) => row.ended_at)).toEqual([
      "2026-01-01 11:00:00",
      "2026-11-02 10:00:00",
      "2026-11-03 10:00:00",
      null,
      null,
      null,
    ]);
    for (const row of kept) {
      expect(row).toMatchObject({ origin: "cloudflare", geo_city: "Bern", viewer_count: 0 });
      expect(row.holder).toBe(String(row.user_id));
    }
    const store = new D1Store(database);
    const live = (await store.live(before)).map((row) => row.stream_id);
    expect(live).toEqual(["double", "future", "no-start"]);
    // Nobody refreshes them, so they go, but not while their publisher may still be there.
    const in9Minutes = await store.live(before + 9 * 60_000);
    expect(in9Minutes.map((row) => row.stream_id)).toEqual(live);
    const inADay = await store.live(before + 25 * 3_600_000);
    expect(inADay.map((row) => row.stream_id)).toEqual(["future"]);
    // Their users can refresh and end them.
    const claim = { origin: "cloudflare" as const, now: before, leaseEndsAt: before + 1 };
    expect(await store.claim({ ...claim, streamId: "double", holder: "8" })).toMatchObject({
      type: "held",
    });
    expect(await store.claim({ ...claim, streamId: "double", holder: "9" })).toMatchObject({
      type: "live",
      created: false,
      startedAt: "2026-11-03 10:00:00",
    });
    expect(await store.end({ streamId: "double", holder: "9", now: before })).toBe("ended");
  });

  it("allow one live row for each stream", async () => {
    const database = await open();
    for (const name of migrationNames()) await migrate(database, name);
    const insert = () =>
      rows(database, "INSERT INTO broadcast_events (user_id, stream_id) VALUES (1, 'a')");
    await insert();
    await expect(insert()).rejects.toThrow("UNIQUE");
  });

  it("record when a lease that ran out did so", async () => {
    const database = await open();
    for (const name of migrationNames()) await migrate(database, name);
    const store = new D1Store(database);
    const now = Date.UTC(2026, 10, 23, 10, 0, 0, 250);
    const claim = { origin: "cloudflare" as const, holder: "7", now, leaseEndsAt: now + 60_000 };
    await store.claim({ ...claim, streamId: "swept" });
    await store.claim({ ...claim, streamId: "taken" });
    const later = { now: now + 90_000, leaseEndsAt: now + 150_000 };
    await store.claim({ ...claim, ...later, streamId: "taken", holder: "8" });
    expect(await store.sweep(later.now)).toBe(1);
    expect(
      await rows(
        database,
        "SELECT stream_id, user_id, started_at, ended_at FROM broadcast_events ORDER BY id",
      ),
    ).toEqual([
      {
        stream_id: "swept",
        user_id: 7,
        started_at: "2026-11-23 10:00:00.250",
        ended_at: "2026-11-23 10:01:00.250",
      },
      {
        stream_id: "taken",
        user_id: 7,
        started_at: "2026-11-23 10:00:00.250",
        ended_at: "2026-11-23 10:01:00.250",
      },
      { stream_id: "taken", user_id: 8, started_at: "2026-11-23 10:01:30.250", ended_at: null },
    ]);
  });
});

describe("the list", () => {
  it("of 10,000 live among 20,000 rows is whole, and read from one index in its order", async () => {
    const database = await open();
    for (const name of migrationNames()) await migrate(database, name);
    await rows(
      database,
      `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)
       INSERT INTO broadcast_events
         (user_id, holder, stream_id, origin, started_at, ended_at, lease_expires_at)
       SELECT i, i, printf('stream/%05d', i / 2), 'cloudflare', '2026-01-01 10:00:00',
         CASE WHEN i % 2 THEN NULL ELSE '2026-01-01 11:00:00' END, 2000 FROM n`,
    );
    const live = await new D1Store(database).live(1000);
    expect(live.map((row) => row.stream_id)).toEqual(
      Array.from({ length: 10_000 }, (_, index) => `stream/${String(index).padStart(5, "0")}`),
    );
    expect(await new D1Store(database).live(2000)).toEqual([]);
    const plan = (
      await database
        .prepare(`EXPLAIN QUERY PLAN ${LIVE_SQL}`)
        .bind(1000, null)
        .all<{ readonly detail: string }>()
    ).results.map((step) => step.detail);
    expect(plan).toEqual(["SCAN broadcast_events USING COVERING INDEX broadcast_events_live"]);
  });
});

describe("the Worker in workerd", () => {
  const start = async (variables: Record<string, string>) => {
    const worker = await RunningWorker.start(variables);
    closing.push(() => worker.close());
    return worker;
  };

  it("takes 1,000 writes at once and loses and doubles nothing", { timeout: 120_000 }, async () => {
    const worker = await start({ REGISTRY_JWT_SECRET: SECRET });
    const users = await Promise.all(
      ["a", "b", "c", "d"].map((subject) => token(Date.now(), { subject })),
    );
    const requests = Array.from({ length: 1000 }, (_, index): DrivenRequest => {
      const body = JSON.stringify({ stream_id: `s${index % 250}`, origin: "cloudflare" });
      const headers = {
        "content-type": "application/json",
        authorization: `Bearer ${users[Math.floor(index / 250)]}`,
      };
      return { path: "/api/stats/broadcast", init: { method: "POST", headers, body } };
    });
    const statuses = await worker.drive(requests);
    for (let stream = 0; stream < 250; stream++) {
      const own = statuses.filter((_, index) => index % 250 === stream);
      expect(own.sort()).toEqual([201, 409, 409, 409]);
    }
    const answer = await fetch(new URL("/api/stats/greet", worker.url));
    const { broadcasts } = (await answer.json()) as { broadcasts: { stream_id: string }[] };
    expect(broadcasts).toHaveLength(250);
    const total = await rows(worker.database, "SELECT count(*) AS n FROM broadcast_events");
    expect(total).toEqual([{ n: 250 }]);
  });

  it("says 500 and nothing more when it is not set up", async () => {
    const worker = await start({ REGISTRY_JWT_SECRET: "short" });
    const answer = await fetch(new URL("/api/stats/greet", worker.url));
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("short");
  });
});
