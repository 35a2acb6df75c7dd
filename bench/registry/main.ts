import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { serveRegistry } from "@moq-bridge/registry/node";
import { createRegistryService, MemoryStore } from "@moq-bridge/registry/service";
import { Miniflare } from "miniflare";

/**
 * The registry with 10,000 live streams: the Worker on workerd's D1 and, in
 * the same run, the in-memory store in Node. Over HTTP, one request at a time
 * unless it says otherwise.
 */
const LIVE = 10_000;
const REQUESTS = 300;
const AT_ONCE = 50;
const MIGRATIONS = new URL("../../../packages/registry/migrations/", import.meta.url);
const WORKER = fileURLToPath(new URL("worker.js", import.meta.url));
const VARIABLES = { REGISTRY_WRITING: "open", REGISTRY_LEASE_SECONDS: "86400" };

interface Row {
  readonly store: string;
  readonly what: string;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Service {
  readonly store: string;
  readonly url: string;
  close(): Promise<void>;
}

async function startWorker(): Promise<Service> {
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    modules: true,
    scriptPath: WORKER,
    compatibilityDate: "2026-04-01",
    d1Databases: { DB: "bench" },
    bindings: VARIABLES,
  });
  const url = (await miniflare.ready).origin;
  const database = await miniflare.getD1Database("DB");
  for (const name of (await readdir(MIGRATIONS)).sort()) {
    const sql = (await readFile(new URL(name, MIGRATIONS), "utf8")).replace(/^\s*--.*$/gm, "");
    for (const statement of sql.split(";")) {
      if (statement.trim() !== "") await database.prepare(statement).run();
    }
  }
  // As many rows that ended long ago: the list must not be slower for them.
  await database
    .prepare(
      `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${LIVE - 1})
       INSERT INTO broadcast_events (user_id, holder, stream_id, origin, started_at, ended_at)
       SELECT i, i, 'old/' || i, 'cloudflare', '2026-01-01 10:00:00', '2026-01-01 11:00:00' FROM n`,
    )
    .run();
  return { store: "workerd's D1", url, close: () => miniflare.dispose() };
}

async function startMemory(): Promise<Service> {
  const handler = createRegistryService({
    store: new MemoryStore(),
    now: Date.now,
    writing: "open",
    reading: "open",
    pages: [],
    leaseMs: 86_400_000,
  });
  return { store: "memory", ...(await serveRegistry(handler)) };
}

async function post(url: string, streamId: string): Promise<void> {
  const answer = await fetch(`${url}/api/stats/broadcast`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ stream_id: streamId, origin: "cloudflare" }),
  });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`POST answered ${answer.status}`);
}

async function greet(url: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}/api/stats/greet`, { headers });
  const body = await answer.text();
  return { status: answer.status, etag: answer.headers.get("etag") ?? "", body };
}

async function measure(
  store: string,
  what: string,
  work: (index: number) => Promise<unknown>,
): Promise<Row> {
  for (let index = 0; index < 20; index++) await work(index);
  const took: number[] = [];
  for (let index = 0; index < REQUESTS; index++) {
    const from = performance.now();
    await work(index);
    took.push(performance.now() - from);
  }
  took.sort((a, b) => a - b);
  const at = (part: number) => took[Math.min(took.length - 1, Math.floor(part * took.length))] ?? 0;
  return { store, what, requests: REQUESTS, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

function print({ store, what, p50Ms, p99Ms, maxMs }: Row): void {
  const ms = (value: number) => `${value.toFixed(1)} ms`.padStart(10);
  console.log(
    `${store.padEnd(14)}${what.padEnd(34)}p50${ms(p50Ms)}  p99${ms(p99Ms)}  max${ms(maxMs)}`,
  );
}

async function run(service: Service, rows: Row[]): Promise<void> {
  const { store, url } = service;
  const report = (row: Row) => {
    rows.push(row);
    print(row);
  };
  const from = performance.now();
  for (let index = 0; index < LIVE; index += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, (_, each) => post(url, `live/${index + each}`));
    await Promise.all(batch);
  }
  const rate = (LIVE * 1000) / (performance.now() - from);
  console.log(`${store.padEnd(14)}${LIVE} starts, ${AT_ONCE} at once: ${rate.toFixed(0)} a second`);
  const { body, etag } = await greet(url);
  const count = (JSON.parse(body) as { broadcasts: unknown[] }).broadcasts.length;
  if (count !== LIVE) throw new Error(`${count} streams are listed`);
  report(await measure(store, `greet, ${LIVE} live, ${body.length} bytes`, () => greet(url)));
  report(
    await measure(store, "greet, not modified", async () => {
      const { status } = await greet(url, { "if-none-match": etag });
      if (status !== 304) throw new Error(`answered ${status}`);
    }),
  );
  report(await measure(store, "refresh of one stream", (index) => post(url, `live/${index}`)));
}

const rows: Row[] = [];
for (const start of [startWorker, startMemory]) {
  const service = await start();
  try {
    await run(service, rows);
  } finally {
    await service.close();
  }
}
await mkdir("test-output", { recursive: true });
await writeFile("test-output/bench-registry.json", `${JSON.stringify(rows, null, 2)}\n`);
