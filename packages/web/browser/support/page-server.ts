import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { type ListeningRegistry, serveRegistry } from "@moq-bridge/registry/node";

const DIST = fileURLToPath(new URL("../../../cli/web", import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

/** Serves the built page, and below `/api/` what is at `registry`. */
export function servePage(registry: URL): Promise<ListeningRegistry> {
  return serveRegistry(async (request) => {
    const { pathname, search } = new URL(request.url);
    if (!pathname.startsWith("/api/")) return servedFile(pathname);
    const body = request.method === "POST" ? await request.text() : undefined;
    const answer = await fetch(new URL(pathname + search, registry), {
      method: request.method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
    });
    const headers = { "content-type": "application/json" };
    return new Response(await answer.text(), { status: answer.status, headers });
  });
}

async function servedFile(pathname: string): Promise<Response> {
  const path = join(DIST, normalize(pathname === "/" ? "/index.html" : pathname));
  try {
    const headers = { "content-type": TYPES[extname(path)] ?? "application/octet-stream" };
    return new Response(new Uint8Array(await readFile(path)), { headers });
  } catch {
    return new Response("not found", { status: 404 });
  }
}
