import {
  type HttpGetOptions,
  type HttpResponse,
  type MoqError,
  VirtualRuntime,
} from "@moq-bridge/runtime";
import { type HttpSourceOptions, httpSource } from "../src/answer-source.js";
import { RegistryPoller, type RegistryPollerOptions } from "../src/registry-poller.js";

/** The poll interval, in milliseconds. */
export const INTERVAL = 5000;

export type Answer = Partial<Omit<HttpResponse, "body">> & { body?: unknown };
export type Respond = (options: HttpGetOptions) => Answer | Promise<Answer>;

/** A poller of a registry that answers as `respond` says at the time. */
export function setUp(
  first: Respond,
  {
    url = "https://registry.test/api?key=hunter2",
    headers,
    ...options
  }: Partial<RegistryPollerOptions & Pick<HttpSourceOptions, "url" | "headers">> = {},
) {
  const registry = { respond: first };
  const asked: { at: number; url: string; headers: Record<string, string> }[] = [];
  const runtime = new VirtualRuntime({
    http: async (url: string, get: HttpGetOptions) => {
      asked.push({ at: runtime.now(), url, headers: { ...get.headers } });
      const answer = await registry.respond(get);
      const body = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
      return {
        status: answer.status ?? 200,
        headers: answer.headers ?? {},
        body: new TextEncoder().encode(body ?? ""),
        url,
      };
    },
  });
  const lists: string[][] = [];
  const errors: { error: MoqError; retryInMs: number }[] = [];
  const poller = new RegistryPoller({
    runtime,
    source: httpSource({ runtime, url, ...(headers ? { headers } : {}) }),
    intervalMs: INTERVAL,
    onEntries: (entries) => lists.push(entries.map((entry) => entry.streamId)),
    onError: (error, retryInMs) => errors.push({ error, retryInMs }),
    ...options,
  });
  return { registry, asked, runtime, lists, errors, poller };
}

/** An answer that lists these names on Cloudflare. */
export const rows = (...names: string[]): Answer => ({
  body: { broadcasts: names.map((name) => ({ stream_id: name, origin: "cloudflare" })) },
});
/** An answer that does not come. */
export const never = () => new Promise<never>(() => {});
