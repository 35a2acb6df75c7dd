import { streamIdFault } from "../stream-id.js";
import { checkPage, corsHeaders, type PageOrigins, preflight } from "./cors.js";
import { etagMatches, strongEtag } from "./etag.js";
import { Problem } from "./problem.js";
import { readJson } from "./read-body.js";
import { STREAM_ORIGINS, type Store, type StreamOrigin } from "./store.js";
import { isoTimestamp } from "./timestamp.js";
import { type Permission, permits, type TokenVerifier } from "./tokens.js";

/** What the registry is set up with. */
export interface RegistryServiceOptions {
  readonly store: Store;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Who may write; `open`: everybody, one holder for each origin. */
  readonly writing: TokenVerifier | "open";
  /** Who may read. */
  readonly reading: TokenVerifier | "open";
  /** Pages that may use the registry; its own may always. */
  readonly pages: PageOrigins;
  /** How long a stream is live without being refreshed, in milliseconds. */
  readonly leaseMs: number;
  /** Told of failures that the answer does not describe. */
  readonly onFailure?: (error: unknown) => void;
}

/** Answers one request. */
export type FetchHandler = (request: Request) => Promise<Response>;

/** Largest body accepted, in bytes. */
const MAX_BODY_BYTES = 16_384;
const MAX_VIEWER_COUNT = 2 ** 31 - 1;

interface Route {
  readonly methods: readonly string[];
  readonly handle: (request: Request) => Promise<Response>;
}

/**
 * The registry as a handler of requests:
 *
 * - `GET /api/stats/greet[?origin=]`: what is live
 * - `POST /api/stats/broadcast`: starts a stream or extends its lease
 * - `POST /api/stats/broadcast/end`: ends one
 */
export function createRegistryService(options: RegistryServiceOptions): FetchHandler {
  const routes: Readonly<Record<string, Route>> = {
    "/api/stats/greet": {
      methods: ["GET", "HEAD"],
      handle: (request) => greet(options, request),
    },
    "/api/stats/broadcast": {
      methods: ["POST"],
      handle: (request) => startOrRefresh(options, request),
    },
    "/api/stats/broadcast/end": {
      methods: ["POST"],
      handle: (request) => end(options, request),
    },
  };
  return async (request) => {
    const response = await answer(routes, options, request);
    for (const [name, value] of Object.entries(corsHeaders(request, options.pages))) {
      response.headers.set(name, value);
    }
    response.headers.set("x-content-type-options", "nosniff");
    return response;
  };
}

async function answer(
  routes: Readonly<Record<string, Route>>,
  options: RegistryServiceOptions,
  request: Request,
): Promise<Response> {
  try {
    const { pathname } = new URL(request.url);
    const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
    if (!route) throw new Problem("not_found", "the registry is below /api/stats/");
    const methods = route.methods.join(", ");
    if (request.method === "OPTIONS") return preflight(methods);
    if (!route.methods.includes(request.method)) {
      throw new Problem("method_not_allowed", `use ${methods}`, { headers: { allow: methods } });
    }
    return await route.handle(request);
  } catch (error) {
    if (error instanceof Problem) return error.toResponse();
    options.onFailure?.(error);
    return new Problem("internal", "the reason is in the registry's log").toResponse();
  }
}

async function greet(options: RegistryServiceOptions, request: Request): Promise<Response> {
  if (options.reading !== "open") await options.reading.permission(request);
  const origin = new URL(request.url).searchParams.get("origin") ?? undefined;
  if (origin !== undefined && !isStreamOrigin(origin)) {
    throw new Problem("bad_query", `origin is one of ${STREAM_ORIGINS.join(", ")}`);
  }
  const broadcasts = await useStore(options, (store) => store.live(options.now(), origin));
  const body = new TextEncoder().encode(JSON.stringify({ broadcasts }));
  const etag = await strongEtag(body);
  const headers = {
    etag,
    "cache-control": options.reading === "open" ? "no-cache" : "private, no-cache",
  };
  if (etagMatches(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(request.method === "HEAD" ? null : body, {
    headers: { "content-type": "application/json", ...headers },
  });
}

async function startOrRefresh(
  options: RegistryServiceOptions,
  request: Request,
): Promise<Response> {
  const { fields, streamId, holder } = await readWrite(options, request);
  const origin = readOrigin(fields);
  const viewerCount = readViewerCount(fields);
  const now = options.now();
  const leaseEndsAt = now + options.leaseMs;
  const result = await useStore(options, (store) =>
    store.claim({ streamId, origin, holder: holder(origin), viewerCount, now, leaseEndsAt }),
  );
  if (result.type === "held") throw held(result.leaseEndsAt, now);
  return json(result.created ? 201 : 200, {
    stream_id: streamId,
    origin,
    started_at: result.startedAt,
    lease_ends_at: isoTimestamp(result.leaseEndsAt),
    lease_seconds: Math.max(0, (result.leaseEndsAt - now) / 1000),
  });
}

async function end(options: RegistryServiceOptions, request: Request): Promise<Response> {
  const { fields, streamId, holder } = await readWrite(options, request);
  const origin = readOrigin(fields);
  const now = options.now();
  const result = await useStore(options, (store) =>
    store.end({ streamId, holder: holder(origin), now }),
  );
  if (result === "held") throw held(now, now);
  return json(200, { stream_id: streamId, ended: result === "ended" });
}

interface Write {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly streamId: string;
  /** Who the row belongs to. Without tokens the two worlds hold their streams against each other. */
  readonly holder: (origin: StreamOrigin) => string;
}

async function readWrite(options: RegistryServiceOptions, request: Request): Promise<Write> {
  checkPage(request, options.pages);
  const permission: Permission | undefined =
    options.writing === "open" ? undefined : await options.writing.permission(request);
  const fields = await readJson(request, MAX_BODY_BYTES);
  if (!isRecord(fields)) throw new Problem("bad_field", "the body is not an object");
  const streamId = readStreamId(fields);
  if (permission && !permits(permission, streamId)) {
    throw new Problem("not_permitted", "its prefixes do not cover the stream_id");
  }
  return { fields, streamId, holder: (origin) => permission?.subject ?? `anyone on ${origin}` };
}

function readStreamId({ stream_id: streamId }: Readonly<Record<string, unknown>>): string {
  if (typeof streamId !== "string") throw badField("stream_id", "stream_id is not a text");
  const fault = streamIdFault(streamId);
  if (fault) throw badField("stream_id", `stream_id ${fault}`);
  return streamId;
}

function readOrigin({ origin }: Readonly<Record<string, unknown>>): StreamOrigin {
  if (!isStreamOrigin(origin)) {
    throw badField("origin", `origin is not one of ${STREAM_ORIGINS.join(", ")}`);
  }
  return origin;
}

function readViewerCount(fields: Readonly<Record<string, unknown>>): number | undefined {
  const { viewer_count: count } = fields;
  if (count === undefined) return undefined;
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0) {
    throw badField("viewer_count", "viewer_count is not a whole number of 0 or more");
  }
  return Math.min(count, MAX_VIEWER_COUNT);
}

async function useStore<T>(
  options: RegistryServiceOptions,
  use: (store: Store) => Promise<T>,
): Promise<T> {
  try {
    return await use(options.store);
  } catch (error) {
    options.onFailure?.(error);
    throw new Problem("store_unavailable", "nothing was read or written; try again", {
      headers: { "retry-after": "1" },
    });
  }
}

function held(leaseEndsAt: number, now: number): Problem {
  const seconds = Math.max(1, Math.ceil((leaseEndsAt - now) / 1000));
  return new Problem("stream_held", "it is free when its user ends it or lets its lease run out", {
    headers: { "retry-after": String(seconds) },
  });
}

function badField(field: string, detail: string): Problem {
  return new Problem("bad_field", detail, { members: { field } });
}

function json(status: number, value: unknown): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

function isStreamOrigin(value: unknown): value is StreamOrigin {
  return STREAM_ORIGINS.some((origin) => origin === value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
