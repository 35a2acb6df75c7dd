import { SignJWT } from "jose";
import { createRegistryService, type RegistryServiceOptions } from "../src/service/service.js";
import type { Store } from "../src/service/store.js";
import { TokenVerifier } from "../src/service/tokens.js";

export const SECRET = "a secret that only tests know, long enough";
const START = 1_795_428_000_000;
export const LEASE_MS = 60_000;
export const PAGE = "https://app.example";
const HOST = "https://registry.example";

/** A token of a user for an hour from `now`, in milliseconds. */
export function token(
  now: number,
  { subject = "alice", prefixes = [""] as unknown, seconds = 3600, secret = SECRET } = {},
): Promise<string> {
  const issued = Math.floor(now / 1000);
  return new SignJWT(prefixes === null ? {} : { prefixes })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(subject)
    .setIssuedAt(issued)
    .setExpirationTime(issued + seconds)
    .sign(new TextEncoder().encode(secret));
}

/** An answer as tests look at it. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** The service over a store, with a clock that tests move. */
export class ServiceFixture {
  readonly clock: { now: number };
  readonly failures: unknown[] = [];
  readonly handler: (request: Request) => Promise<Response>;

  constructor(store: Store, options: Partial<RegistryServiceOptions> = {}, start?: number) {
    this.clock = { now: start ?? START };
    const now = () => this.clock.now;
    this.handler = createRegistryService({
      store,
      now,
      writing: new TokenVerifier({ secret: SECRET, now }),
      reading: "open",
      pages: [PAGE],
      leaseMs: LEASE_MS,
      onFailure: (error) => this.failures.push(error),
      ...options,
    });
  }

  token(options: Parameters<typeof token>[1] = {}): Promise<string> {
    return token(this.clock.now, options);
  }

  async request(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await this.handler(new Request(HOST + path, init));
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? {} : JSON.parse(text),
    };
  }

  greet(query = "", headers: Record<string, string> = {}): Promise<Answer> {
    return this.request(`/api/stats/greet${query}`, { headers });
  }

  /** The ids of what is live. */
  async live(query = ""): Promise<unknown[]> {
    const { body } = await this.greet(query);
    return (body["broadcasts"] as { stream_id: string }[]).map((row) => row.stream_id);
  }

  async post(
    path: string,
    body: unknown,
    { subject = "alice", headers = {} as Record<string, string>, bearer = "" } = {},
  ): Promise<Answer> {
    const authorization = `Bearer ${bearer || (await this.token({ subject }))}`;
    return this.request(path, {
      method: "POST",
      headers: { "content-type": "application/json", authorization, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  }

  start(streamId: unknown, more: Record<string, unknown> = {}, subject = "alice") {
    return this.post(
      "/api/stats/broadcast",
      { stream_id: streamId, origin: "cloudflare", ...more },
      { subject },
    );
  }

  end(streamId: unknown, subject = "alice") {
    return this.post(
      "/api/stats/broadcast/end",
      { stream_id: streamId, origin: "cloudflare" },
      { subject },
    );
  }
}
