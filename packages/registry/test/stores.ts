import { readdirSync, readFileSync } from "node:fs";
import { Miniflare } from "miniflare";
import { type D1, D1Store } from "../src/service/d1-store.js";
import { MemoryStore } from "../src/service/memory-store.js";
import type { Store } from "../src/service/store.js";

const MIGRATIONS = new URL("../migrations/", import.meta.url);

/** A store for tests. */
export interface TestStore {
  readonly store: Store;
  close(): Promise<void>;
}

/** workerd's D1 with nothing in it. */
export async function openD1(): Promise<{ database: D1; close(): Promise<void> }> {
  const miniflare = new Miniflare({
    modules: true,
    script: "export default { fetch: () => new Response(null) };",
    compatibilityDate: "2026-04-01",
    cf: false,
    d1Databases: { DB: "test" },
  });
  const database: D1 = await miniflare.getD1Database("DB");
  return { database, close: () => miniflare.dispose() };
}

/** The names of the migrations, in their order. */
export function migrationNames(): string[] {
  return readdirSync(MIGRATIONS)
    .filter((name) => name.endsWith(".sql"))
    .sort();
}

/** Applies one migration. */
export async function migrate(database: D1, name: string): Promise<void> {
  const sql = readFileSync(new URL(name, MIGRATIONS), "utf8").replace(/^\s*--.*$/gm, "");
  for (const statement of sql.split(";")) {
    if (statement.trim() !== "") await database.prepare(statement).bind().all();
  }
}

/** The kinds of store, by name. */
export const STORES: Readonly<Record<string, () => Promise<TestStore>>> = {
  memory: async () => ({ store: new MemoryStore(), close: async () => {} }),
  "workerd's D1": async () => {
    const { database, close } = await openD1();
    for (const name of migrationNames()) await migrate(database, name);
    return { store: new D1Store(database), close };
  },
};
