import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { FetchHandler } from "../service.js";

/** A registry that listens. */
export interface ListeningRegistry {
  /** `http://127.0.0.1:1234`, without a slash at its end. */
  readonly url: string;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
}

/** Serves a registry's handler over HTTP from Node, for demos and tests. */
export async function serveRegistry(
  handler: FetchHandler,
  { host = "127.0.0.1", port = 0 }: { readonly host?: string; readonly port?: number } = {},
): Promise<ListeningRegistry> {
  const server = createServer((request, response) => {
    serve(handler, request, response).catch((error) => response.destroy(error));
  });
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  const actual = typeof address === "object" && address ? address.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${actual}`,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(
  handler: FetchHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const answer = await handler(toRequest(incoming));
  outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
  outgoing.end(new Uint8Array(await answer.arrayBuffer()));
}

function toRequest(incoming: IncomingMessage): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  const method = incoming.method ?? "GET";
  const hasBody = method !== "GET" && method !== "HEAD";
  const url = new URL(`http://${incoming.headers.host ?? "localhost"}`);
  // Set, not resolved: a target that begins with two slashes would name another host.
  const [, path = "/", query = ""] = /^([^?]*)(.*)$/.exec(incoming.url ?? "/") ?? [];
  url.pathname = path;
  url.search = query;
  return new Request(url, {
    method,
    headers,
    ...(hasBody ? { body: Readable.toWeb(incoming) as ReadableStream, duplex: "half" } : {}),
  });
}
