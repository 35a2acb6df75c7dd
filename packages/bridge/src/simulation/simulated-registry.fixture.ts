import { type HttpResponse, MoqError, type Runtime, sleep } from "@moq-bridge/runtime";

/** What a registry can be like. */
export const REGISTRY_TROUBLES = [
  "unreachable",
  "in error",
  "garbled",
  "silent",
  "late",
  "empty",
] as const;

/** One way in which a registry fails. */
export type RegistryTrouble = (typeof REGISTRY_TROUBLES)[number];

/** A registry, which may be wrong about what is live, late, or out of order. */
export class SimulatedRegistry {
  /** Path to start time, as it is listed. */
  readonly rows = new Map<string, string>();
  trouble: RegistryTrouble | undefined;
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async answer(): Promise<HttpResponse> {
    const list = this.#list();
    switch (this.trouble) {
      case "unreachable":
        throw new MoqError("http_unreachable", "nothing answers", { scope: "process" });
      case "in error":
        return response(503, "try again");
      case "garbled":
        return response(200, list.slice(0, list.length / 2));
      case "silent":
        return new Promise(() => {});
      case "late":
        await sleep(this.#runtime, 3_000);
        return response(200, list);
      case "empty":
        return response(200, '{"broadcasts":[]}');
      default:
        return response(200, list);
    }
  }

  #list(): string {
    const broadcasts = [...this.rows].map(([stream_id, started_at]) => ({
      stream_id,
      started_at,
      origin: "cloudflare",
    }));
    return JSON.stringify({ broadcasts });
  }
}

function response(status: number, body: string): HttpResponse {
  return {
    status,
    headers: { "content-type": "application/json" },
    body: new TextEncoder().encode(body),
    url: "https://registry.example/live",
  };
}
