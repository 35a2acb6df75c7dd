import { MoqError } from "./error.js";
import type {
  CancelTimer,
  HttpGetOptions,
  HttpPostOptions,
  HttpResponse,
  Runtime,
} from "./runtime.js";

const MAX_REDIRECTS = 5;

/** The {@link Runtime} of a real process. */
export const systemRuntime: Runtime = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  random: () => Math.random(),
  setTimer(delayMs: number, callback: () => void): CancelTimer {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  httpGet,
  httpPost,
};

function httpGet(url: string, options: HttpGetOptions): Promise<HttpResponse> {
  return withinLimits(url, options, getWithinOrigin);
}

function httpPost(url: string, options: HttpPostOptions): Promise<HttpResponse> {
  const { body } = options;
  return withinLimits(url, options, (target, headers, signal) =>
    fetch(target, { method: "POST", body, redirect: "manual", signal, headers }),
  );
}

async function withinLimits(
  url: string,
  options: HttpGetOptions,
  ask: (url: URL, headers: Headers, signal: AbortSignal) => Promise<Response>,
): Promise<HttpResponse> {
  const headers = toHeaders(options.headers);
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const response = await ask(toUrl(url), headers, signal);
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await readLimited(response, options.maxBytes),
      url: response.url || url,
    };
  } catch (error) {
    throw toHttpError(error, options, timeout);
  }
}

/** Refused here because fetch quotes the whole address, credentials included, in its error. */
function toUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new MoqError("http_invalid", "the address is not an http:// or https:// URL", {
      scope: "process",
    });
  }
  if (hasCredentials(url)) {
    throw new MoqError("http_invalid", "the address must not contain a user name or password", {
      scope: "process",
    });
  }
  return url;
}

function hasCredentials(url: URL): boolean {
  return url.username !== "" || url.password !== "";
}

/** Refused here because fetch quotes the value, which may be a secret, in its error. */
function toHeaders(headers: HttpGetOptions["headers"]): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers ?? {})) {
    try {
      result.set(name, value);
    } catch {
      throw new MoqError(
        "http_invalid",
        `the request header ${JSON.stringify(name)} is not valid`,
        {
          scope: "process",
        },
      );
    }
  }
  return result;
}

async function getWithinOrigin(
  start: URL,
  headers: Headers,
  signal: AbortSignal,
): Promise<Response> {
  let url = start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await fetch(url, { redirect: "manual", signal, headers });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || !location) return response;
    await response.body?.cancel();
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next === undefined || hasCredentials(next)) {
      throw new MoqError("http_redirect", "redirected to an address that is not valid", {
        scope: "process",
      });
    }
    if (next.origin !== url.origin) {
      throw new MoqError("http_redirect", `redirected elsewhere, to ${next.origin}`, {
        scope: "process",
      });
    }
    url = next;
  }
  throw new MoqError("http_redirect", `redirected more than ${MAX_REDIRECTS} times`, {
    scope: "process",
  });
}

async function readLimited(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // By its reader, for Safari's streams are not async iterable.
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next?.value; next = await reader?.read()) {
    size += next.value.byteLength;
    if (size > maxBytes) {
      reader?.cancel().catch(() => {});
      throw new MoqError("http_too_large", `the answer is longer than ${maxBytes} bytes`, {
        scope: "process",
      });
    }
    chunks.push(next.value);
  }
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

function toHttpError(error: unknown, options: HttpGetOptions, timeout: AbortSignal): MoqError {
  if (error instanceof MoqError) return error;
  if (options.signal?.aborted) {
    return new MoqError("http_aborted", "the request was given up", {
      scope: "process",
      cause: error,
    });
  }
  if (timeout.aborted) {
    return new MoqError("http_timeout", `no complete answer within ${options.timeoutMs} ms`, {
      scope: "process",
      cause: error,
    });
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new MoqError("http_unreachable", reason, { scope: "process", cause: error });
}
