import type { FetchHandler } from "@moq-bridge/registry/service";
import { isLoopback } from "@moq-bridge/transport";
import type { ServedFile } from "./built-page.js";

/** What the demo's page is served with. */
export interface PageHandlerOptions {
  readonly files: ReadonlyMap<string, ServedFile>;
  /** What `scene.json` says. */
  readonly scene: () => object;
  /** Answers for everything below `/api/`. */
  readonly registry: FetchHandler;
  /** Kills the bridge and starts it again. */
  readonly restartBridge: () => Promise<void>;
}

/** The page talks to relays anywhere; nothing else of it comes from or goes elsewhere. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self' blob:; style-src 'self'; img-src data:; connect-src 'self' ws: wss: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/** Answers for the demo's page, to whom asks this machine by a name of its own. */
export function createPageHandler(options: PageHandlerOptions): FetchHandler {
  const { files, scene, registry } = options;
  const restart = once(options.restartBridge);
  return async (request) => {
    const url = new URL(request.url);
    // A page of elsewhere could reach this machine through a name of its own (DNS rebinding).
    if (!isLoopback(url.hostname)) return text(403, "ask by the name localhost or 127.0.0.1");
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (!isRead && request.headers.get("origin") !== url.origin) {
      return text(403, "only the page itself may ask for this");
    }
    if (url.pathname.startsWith("/api/")) return registry(request);
    if (url.pathname === "/restart") return isRead ? text(405, "ask with POST") : restart();
    if (!isRead) return text(405, "only GET is answered here");
    if (url.pathname === "/scene.json") return answer(200, "application/json", json(scene()));
    const file = files.get(url.pathname === "/" ? "/demo.html" : url.pathname);
    return file ? answer(200, file.type, file.body) : text(404, "there is nothing here");
  };
}

/** Does it for one at a time. */
function once(restartBridge: () => Promise<void>): () => Promise<Response> {
  let restarting = false;
  return async () => {
    if (restarting) return text(409, "the bridge is being restarted already");
    restarting = true;
    try {
      await restartBridge();
      return new Response(null, { status: 204, headers: HEADERS });
    } catch (error) {
      return text(
        500,
        `the bridge did not start: ${error instanceof Error ? error.message : error}`,
      );
    } finally {
      restarting = false;
    }
  };
}

function text(status: number, line: string): Response {
  return answer(status, "text/plain; charset=utf-8", `${line}\n`);
}

function json(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function answer(status: number, type: string, body: string | Uint8Array<ArrayBuffer>): Response {
  return new Response(body, { status, headers: { ...HEADERS, "content-type": type } });
}
