import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Bridge } from "@moq-bridge/bridge";
import type { LineLogger } from "../logger.js";
import type { Redactor } from "../redactor.js";
import { denial } from "./admin-access.js";
import { type AdminSettings, cannotListen } from "./admin-settings.js";
import { History } from "./history.js";
import { Metrics } from "./metrics.js";
import { PAGE_FILES, readPageFile } from "./page-files.js";
import { readiness, statusDocument } from "./status-document.js";

/** What the admin server shows and asks of a bridge. */
export type ObservedBridge = Pick<Bridge, "status" | "pollNow">;

/** What the admin server is started with. */
export interface AdminOptions extends AdminSettings {
  readonly bridge: ObservedBridge;
  readonly version: string;
  /** Milliseconds since the Unix epoch. */
  readonly wallClock: () => number;
  /** Origins of the sides' URLs. */
  readonly relayUrl: string;
  readonly cloudflareUrl: string;
  readonly redactor: Redactor;
  readonly log: LineLogger;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const SAMPLE_MS = 1_000;
/** Longest wait for a request's head, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Nothing of the page comes from elsewhere, and nothing is sent elsewhere. */
const SECURITY_HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/** Health, status, metrics and a page for people, over HTTP. */
export class AdminServer {
  readonly #options: AdminOptions;
  readonly #server: Server;
  readonly #history = new History();
  readonly #metrics: Metrics;
  readonly #startedAt: number;
  #sampling: NodeJS.Timeout | undefined;

  constructor(options: AdminOptions) {
    const { bridge, version, token, redactor, wallClock } = options;
    this.#options = options;
    this.#startedAt = wallClock();
    if (token !== undefined) redactor.addSecret(token);
    this.#metrics = new Metrics(() => bridge.status(), { version, startedAt: this.#startedAt });
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.#server.headersTimeout = REQUEST_TIMEOUT_MS;
  }

  /** Listens, and resolves with the port. @throws {Error} one line, when the address cannot be used */
  async start(): Promise<number> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error) => reject(cannotListen({ host, port }, error)));
      this.#server.listen(port, host, resolve);
    });
    this.#sample();
    this.#sampling = setInterval(() => this.#sample(), SAMPLE_MS);
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening and ends every connection. */
  async stop(): Promise<void> {
    clearInterval(this.#sampling);
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #sample(): void {
    const { bridge, wallClock } = this.#options;
    this.#history.add(wallClock(), bridge.status().traffic);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    let answer: Answer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      this.#options.log.error(`admin: ${error instanceof Error ? error.message : error}`);
      answer = text(500, "internal error");
    }
    response.writeHead(answer.status, {
      ...SECURITY_HEADERS,
      "content-type": answer.type,
      ...answer.headers,
    });
    response.end(request.method === "HEAD" ? undefined : answer.body);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? "/", "http://admin");
    const isRead = request.method === "GET" || request.method === "HEAD";
    // Probes show no token; they learn which part is missing and nothing else.
    if (isRead && url.pathname === "/healthz") return text(200, "ok");
    if (isRead && url.pathname === "/readyz") return this.#ready();
    const denied = denial(request, this.#options.token);
    if (denied) {
      const headers = { "www-authenticate": 'Basic realm="moq-bridge", charset="UTF-8"' };
      return { ...text(denied.status, denied.message), ...(denied.status === 401 && { headers }) };
    }
    if (url.pathname === "/poll") return this.#poll(request.method);
    if (!isRead) return text(405, "only GET is answered here");
    return this.#read(url);
  }

  async #read({ pathname, searchParams }: URL): Promise<Answer> {
    switch (pathname) {
      case "/status":
        return json(this.#status());
      case "/history":
        return json(this.#history.since(Number(searchParams.get("since") ?? 0)));
      case "/metrics":
        return {
          status: 200,
          type: this.#metrics.contentType,
          body: await this.#metrics.text(),
        };
    }
    const file = PAGE_FILES.get(pathname);
    if (!file) return text(404, "there is nothing here");
    return { status: 200, type: file.type, body: readPageFile(file) };
  }

  async #poll(method: string | undefined): Promise<Answer> {
    if (method !== "POST") return text(405, "ask with POST");
    const { bridge } = this.#options;
    await bridge.pollNow();
    return json({ registry: this.#status().registry });
  }

  #ready(): Answer {
    const { ready, missing } = readiness(this.#options.bridge.status());
    return ready ? text(200, "ready") : text(503, `not ready: ${missing.join(", ")}`);
  }

  #status() {
    const { bridge, wallClock } = this.#options;
    const startedAt = this.#startedAt;
    return statusDocument(bridge.status(), { ...this.#options, startedAt, now: wallClock() });
  }
}

function text(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body: `${body}\n` };
}

function json(value: unknown): Answer {
  return { status: 200, type: "application/json", body: `${JSON.stringify(value)}\n` };
}
