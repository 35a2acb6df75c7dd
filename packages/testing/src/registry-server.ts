import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { EventLog } from "./event-log.js";
import { freePort } from "./ports.js";

/** A row of the registry, or anything else a test wants in its place. */
export type RegistryRow =
  | { readonly stream_id: string; readonly origin: string; readonly viewer_count?: number }
  | unknown;

/** How the registry answers. */
export type RegistryAnswer =
  | { readonly type: "rows" }
  | {
      readonly type: "raw";
      readonly status?: number;
      readonly contentType?: string;
      readonly body: string;
    }
  /** A valid answer blown up to this many bytes. */
  | { readonly type: "huge"; readonly bytes: number }
  /** Accepts the request and says nothing. */
  | { readonly type: "silent" };

/** A request that arrived. */
export interface RegistryRequest {
  /** `performance.now()`. */
  readonly at: number;
  readonly url: string;
}

/** `GET /` gives `{"broadcasts": rows}`, or whatever a test makes it give. Keeps its port over `stop` and `start`. */
export class RegistryServer {
  readonly requests = new EventLog<RegistryRequest>();
  rows: RegistryRow[] = [];
  answer: RegistryAnswer = { type: "rows" };
  readonly port: number;
  #server: Server | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(rows: RegistryRow[] = []): Promise<RegistryServer> {
    const registry = new RegistryServer(await freePort());
    registry.rows = rows;
    await registry.start();
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/api/stats/greet`;
  }

  /** Lists these names as `cloudflare`. */
  list(...names: string[]): void {
    this.rows = names.map((name) => ({ stream_id: name, origin: "cloudflare" }));
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.requests.push({ at: performance.now(), url: request.url ?? "" });
      this.#respond(response);
    });
    server.listen(this.port, "127.0.0.1");
    await once(server, "listening");
    this.#server = server;
  }

  /** As if killed: open connections are cut. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  #respond(response: ServerResponse): void {
    const answer = this.answer;
    switch (answer.type) {
      case "rows":
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ broadcasts: this.rows }));
        return;
      case "raw":
        response.statusCode = answer.status ?? 200;
        response.setHeader("content-type", answer.contentType ?? "application/json");
        response.end(answer.body);
        return;
      case "huge": {
        const padding = "x".repeat(64 * 1024);
        let left = answer.bytes;
        response.setHeader("content-type", "application/json");
        response.write('{"broadcasts":[],"padding":"');
        const more = () => {
          while (left > 0) {
            left -= padding.length;
            if (!response.write(padding)) {
              response.once("drain", more);
              return;
            }
          }
          response.end('"}');
        };
        more();
        return;
      }
      case "silent":
        return;
    }
  }
}
