import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import type { D1 } from "../src/service/d1-store.js";
import { migrate, migrationNames } from "./stores.js";

/** Sends requests to the registry from inside workerd, all at once. */
const DRIVER = `export default {
  async fetch(request, { REGISTRY }) {
    const requests = await request.json();
    const statuses = await Promise.all(requests.map(async ({ path, init }) => {
      const answer = await REGISTRY.fetch("http://registry" + path, init);
      await answer.arrayBuffer();
      return answer.status;
    }));
    return Response.json(statuses);
  },
};`;

/** One request for the driver. */
export interface DrivenRequest {
  readonly path: string;
  readonly init?: { method?: string; headers?: Record<string, string>; body?: string };
}

/** The Worker as it is deployed, in workerd with its D1. */
export class RunningWorker {
  readonly url: URL;
  readonly database: D1;
  readonly #miniflare: Miniflare;

  private constructor(miniflare: Miniflare, url: URL, database: D1) {
    this.#miniflare = miniflare;
    this.url = url;
    this.database = database;
  }

  /** @param variables the Worker's variables and secrets */
  static async start(variables: Record<string, string>): Promise<RunningWorker> {
    const miniflare = new Miniflare({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      workers: [
        {
          name: "registry",
          modules: true,
          script: await bundleWorker(),
          compatibilityDate: "2026-04-01",
          d1Databases: { DB: "test" },
          bindings: variables,
        },
        {
          name: "driver",
          modules: true,
          script: DRIVER,
          compatibilityDate: "2026-04-01",
          serviceBindings: { REGISTRY: "registry" },
        },
      ],
    });
    const url = await miniflare.ready;
    const database: D1 = await miniflare.getD1Database("DB", "registry");
    for (const name of migrationNames()) await migrate(database, name);
    return new RunningWorker(miniflare, url, database);
  }

  /** Sends them at the same time and gives their status codes. */
  async drive(requests: readonly DrivenRequest[]): Promise<number[]> {
    const driver: unknown = await this.#miniflare.getWorker("driver");
    const answer = await (driver as Pick<typeof globalThis, "fetch">).fetch("http://driver/", {
      method: "POST",
      body: JSON.stringify(requests),
    });
    return (await answer.json()) as number[];
  }

  close(): Promise<void> {
    return this.#miniflare.dispose();
  }
}

/** The Worker in one file, as wrangler bundles it. Anything of Node in it would fail here. */
export async function bundleWorker(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../src/service/worker.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    conditions: ["workerd", "worker", "browser"],
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error("nothing was built");
  return file.text;
}
