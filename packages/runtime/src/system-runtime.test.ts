import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { systemRuntime } from "./system-runtime.js";

const limits = { timeoutMs: 5000, maxBytes: 1000 };
const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const failure = (url: string, options: Partial<Parameters<typeof systemRuntime.httpGet>[1]> = {}) =>
  systemRuntime.httpGet(url, { ...limits, ...options }).then(
    () => expect.unreachable("it succeeded"),
    (error) => error,
  );

describe("httpPost", () => {
  it("sends its body, once, and takes a redirect for an answer", async () => {
    const asked: string[] = [];
    const base = await serve(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      asked.push(`${request.method} ${request.url} ${request.headers["content-type"]} ${body}`);
      response.writeHead(307, { location: "/b" }).end("moved");
    });
    const answer = await systemRuntime.httpPost(`${base}/a`, {
      ...limits,
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(answer.status).toBe(307);
    expect(new TextDecoder().decode(answer.body)).toBe("moved");
    expect(asked).toEqual(["POST /a application/json {}"]);
  });

  it("reads answers whose streams are not async iterable, as Safari's are not", async () => {
    const safaris = new Response("{}");
    Object.assign(safaris.body ?? {}, { [Symbol.asyncIterator]: undefined });
    const fetch = vi.spyOn(globalThis, "fetch").mockResolvedValue(safaris);
    const answer = await systemRuntime.httpPost("http://registry.test", { ...limits, body: "" });
    fetch.mockRestore();
    expect(new TextDecoder().decode(answer.body)).toBe("{}");
  });

  it("keeps to time and size, and says nothing of the address", async () => {
    const base = await serve((request, response) => {
      if (request.url === "/large") response.end("x".repeat(2000));
    });
    const post = (path: string, timeoutMs: number) =>
      systemRuntime
        .httpPost(`${base}${path}`, { ...limits, timeoutMs, body: "" })
        .catch((error: unknown) => error);
    expect(await post("/large", 5000)).toMatchObject({ code: "http_too_large" });
    expect(await post("/hunter2", 50)).toMatchObject({
      code: "http_timeout",
      message: "no complete answer within 50 ms",
    });
  });
});

describe("httpGet", () => {
  it("gives status, lower-case headers, body and address, and sends the headers", async () => {
    const base = await serve((request, response) => {
      response.writeHead(404, { "X-Answer": "yes" });
      response.end(request.headers["x-question"]);
    });
    const answer = await systemRuntime.httpGet(`${base}/a`, {
      ...limits,
      headers: { "X-Question": "why" },
    });
    expect(answer.status).toBe(404);
    expect(answer.headers["x-answer"]).toBe("yes");
    expect(new TextDecoder().decode(answer.body)).toBe("why");
    expect(answer.url).toBe(`${base}/a`);
  });

  it("follows redirects within the origin, headers included", async () => {
    const base = await serve((request, response) => {
      if (request.url === "/a") response.writeHead(302, { location: "/b" }).end("moved");
      else response.end(request.headers.authorization);
    });
    const answer = await systemRuntime.httpGet(`${base}/a`, {
      ...limits,
      headers: { authorization: "Bearer t" },
    });
    expect(answer.url).toBe(`${base}/b`);
    expect(new TextDecoder().decode(answer.body)).toBe("Bearer t");
  });

  it("asks nothing of another origin it is redirected to", async () => {
    let asked = 0;
    const other = await serve((_request, response) => {
      asked++;
      response.end();
    });
    const base = await serve((_request, response) => {
      response.writeHead(307, { location: `${other}/?jwt=secret` }).end();
    });
    const error = await failure(base);
    expect(error).toMatchObject({ code: "http_redirect" });
    expect(error.message).not.toContain("secret");
    expect(asked).toBe(0);
  });

  it.each(["/", "http://user:hunter2@[bad", "http://user:hunter2@127.0.0.1:1/"])(
    "gives up a redirect that leads nowhere: %s",
    async (location) => {
      const base = await serve((_request, response) => {
        response.writeHead(302, { location }).end();
      });
      const error = await failure(base);
      expect(error).toMatchObject({ code: "http_redirect" });
      expect(error.message).not.toContain("hunter2");
    },
  );

  it("accepts a body of exactly the limit and refuses one byte more", async () => {
    const base = await serve((request, response) => {
      response.end("x".repeat(Number(request.url?.slice(1))));
    });
    const answer = await systemRuntime.httpGet(`${base}/1000`, limits);
    expect(answer.body.byteLength).toBe(1000);
    expect(await failure(`${base}/1001`)).toMatchObject({ code: "http_too_large" });
  });

  it("hangs up on an endless body", async () => {
    let hungUp = () => {};
    const closed = new Promise<void>((resolve) => {
      hungUp = resolve;
    });
    const base = await serve((_request, response) => {
      const more = () => response.write("x".repeat(100_000), () => setImmediate(more));
      response.on("close", hungUp);
      more();
    });
    expect(await failure(base)).toMatchObject({ code: "http_too_large" });
    await closed;
  });

  it("gives up an answer that never begins, and one that never ends", async () => {
    const base = await serve((request, response) => {
      if (request.url === "/half") response.write("half");
    });
    for (const path of ["/nothing", "/half"]) {
      expect(await failure(base + path, { timeoutMs: 100 })).toMatchObject({
        code: "http_timeout",
        message: "no complete answer within 100 ms",
      });
    }
  });

  it("ends early on the caller's signal", async () => {
    const controller = new AbortController();
    const base = await serve(() => controller.abort());
    expect(await failure(base, { signal: controller.signal })).toMatchObject({
      code: "http_aborted",
    });
  });

  it("says why nobody answered", async () => {
    const base = await serve(() => {});
    const server = servers.pop();
    await new Promise((resolve) => server?.close(resolve));
    const error = await failure(base);
    expect(error).toMatchObject({ code: "http_unreachable", scope: "process" });
    expect(error.message).toContain("ECONNREFUSED");
  });

  it.each([
    ["http://user:hunter2@127.0.0.1:1/", {}],
    ["not a url hunter2", {}],
    ["ftp://127.0.0.1/hunter2", {}],
    ["http://127.0.0.1:1/", { authorization: "hunter2\nx" }],
  ])("refuses %j with %j without repeating the secret", async (url, headers) => {
    const error = await failure(url, { headers });
    expect(error).toMatchObject({ code: "http_invalid" });
    expect(error.message).not.toContain("hunter2");
  });
});

describe("timers", () => {
  it("fire once and not after being cancelled", async () => {
    const fired: string[] = [];
    const cancel = systemRuntime.setTimer(0, () => fired.push("cancelled"));
    cancel();
    await new Promise<void>((resolve) => {
      systemRuntime.setTimer(1, () => {
        fired.push("kept");
        resolve();
      });
    });
    cancel();
    expect(fired).toEqual(["kept"]);
  });
});
