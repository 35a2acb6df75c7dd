import { serveRegistry } from "@moq-bridge/registry/node";
import {
  createRegistryService,
  type FetchHandler,
  MemoryStore,
  TokenVerifier,
} from "@moq-bridge/registry/service";
import type { Scene } from "@moq-bridge/testing";
import { SignJWT } from "jose";

const SECRET = "a secret that only tests know, long enough";
/** Where the page that uses the registry comes from. */
const PAGE = "https://app.example";

/** The reference service in memory, over HTTP. */
export class ServiceRegistry {
  readonly url: string;
  readonly #base: string;

  private constructor(base: string) {
    this.#base = base;
    this.url = `${base}/api/stats/greet`;
  }

  static async start(scene: Scene, leaseMs: number): Promise<ServiceRegistry> {
    const handler: FetchHandler = createRegistryService({
      store: new MemoryStore(),
      now: Date.now,
      writing: new TokenVerifier({ secret: SECRET, now: Date.now }),
      reading: "open",
      pages: [PAGE],
      leaseMs,
    });
    const server = await serveRegistry(handler);
    scene.onEnd(() => server.close());
    return new ServiceRegistry(server.url);
  }

  token(subject: string, prefixes: readonly string[]): Promise<string> {
    return new SignJWT({ prefixes })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(subject)
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(SECRET));
  }

  /** What the web page does when its user goes live on Cloudflare, and from then on. */
  async post(streamId: string, token: string, path = "broadcast"): Promise<number> {
    const answer = await fetch(`${this.#base}/api/stats/${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${token}`,
        origin: PAGE,
      },
      body: JSON.stringify({ stream_id: streamId, origin: "cloudflare" }),
    });
    await answer.arrayBuffer();
    return answer.status;
  }

  /** What the page lists: name and network. */
  async listed(): Promise<string[]> {
    const answer = await fetch(this.url, { headers: { origin: PAGE } });
    const { broadcasts } = (await answer.json()) as {
      broadcasts: { stream_id: string; origin: string }[];
    };
    return broadcasts.map((row) => `${row.stream_id} ${row.origin}`);
  }
}
