import { createServer as createHttpServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { rootCertificates } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { errorOf, pattern, present, readAll } from "../compliance/subject.js";
import { TEST_AUTHORITY, TEST_IDENTITY } from "../tls/test-certificates.js";
import type { TlsTrust, TransportServer, TransportSession } from "../transport.js";
import { connectWebSocket } from "./connect.js";
import { listenWebSocket } from "./listen.js";
import type { WebSocketConnectOptions } from "./options.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const SECRET = "token-that-must-not-show";

function connect(
  url: string,
  options: Partial<WebSocketConnectOptions> = {},
): Promise<TransportSession> {
  return connectWebSocket(url, { protocols: ["p"], timeoutMs: 5_000, ...options });
}

/** Where a server listens that a test made. */
async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serve(tls = false): Promise<TransportServer> {
  const server = await listenWebSocket({
    host: tls ? "localhost" : "127.0.0.1",
    port: 0,
    protocols: ["p"],
    ...(tls ? { tls: TEST_IDENTITY } : {}),
  });
  cleanups.push(() => server.close());
  return server;
}

describe("connecting fails", () => {
  async function expectError(
    host: string,
    expected: Record<string, unknown>,
    options: Partial<WebSocketConnectOptions> & { scheme?: string } = {},
  ): Promise<void> {
    const { scheme = "ws", ...rest } = options;
    const error = await errorOf(connect(`${scheme}://${host}/room?jwt=${SECRET}`, rest));
    expect(error).toMatchObject({ name: "MoqError", scope: "session", ...expected });
    const { message } = error as Error;
    expect(message).not.toContain(SECRET);
    expect(message).toMatch(/^[^\n]+$/);
  }

  it("where nothing listens: connect_refused", async () => {
    const server = createServer();
    const host = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    await expectError(host, { code: "connect_refused" });
    await expectError(host, { code: "connect_refused" }, { scheme: "wss" });
  });

  it("where nothing answers in time: connect_unanswered", async () => {
    const host = await listening(createServer((socket) => cleanups.push(() => socket.destroy())));
    await expectError(host, { code: "connect_unanswered" }, { timeoutMs: 100 });
    await expectError(host, { code: "connect_unanswered" }, { timeoutMs: 100, scheme: "wss" });
  });

  it("where no such host is: connect_unanswered", async () => {
    await expectError("no-such-host.invalid", { code: "connect_unanswered" });
  });

  it("when it is given up, before or during: connect_aborted", async () => {
    const host = await listening(createServer((socket) => cleanups.push(() => socket.destroy())));
    const aborted = { code: "connect_aborted" };
    await expectError(host, aborted, { signal: AbortSignal.abort() });
    await expectError(host, aborted, { signal: AbortSignal.timeout(50) });
    await expectError(host, aborted, { signal: AbortSignal.timeout(50), scheme: "wss" });
  });

  it.each([301, 400, 401, 404, 503])("with HTTP status %d: connect_http", async (status) => {
    const answer: RequestListener = (_request, response) => {
      response.writeHead(status, { location: "http://127.0.0.1:1/", connection: "close" }).end();
    };
    const host = await listening(createHttpServer(answer));
    await expectError(host, { code: "connect_http", wireCode: status });
  });

  it("where something else than HTTP answers: connect_http", async () => {
    const host = await listening(
      createServer((socket) => socket.resume().end("220 mail.example ready\r\n")),
    );
    await expectError(host, { code: "connect_http", wireCode: undefined });
  });

  it("where the connection ends without an answer: connect_refused", async () => {
    const host = await listening(createServer((socket) => socket.destroy()));
    await expectError(host, { code: "connect_refused" });
  });

  it("where none of the subprotocols is agreed: connect_http with 400, or 101", async () => {
    const strict = await serve();
    const unknown = { protocols: ["other"], framings: ["qmux-01"] as const };
    const status = { code: "connect_http", wireCode: 400 };
    await expectError(`127.0.0.1:${strict.port}`, status, unknown);

    const careless = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      handleProtocols: () => false,
    });
    cleanups.push(() => careless.close());
    await new Promise((resolve) => careless.once("listening", resolve));
    const { port } = careless.address() as AddressInfo;
    await expectError(`127.0.0.1:${port}`, { code: "connect_http", wireCode: 101 }, unknown);
  });

  it("with a URL that is none: connect_url", async () => {
    for (const url of ["", `:::${SECRET}`, `ftp://example.com/${SECRET}`]) {
      const error = await errorOf(connect(url));
      expect(error).toMatchObject({ code: "connect_url" });
      expect(String(error)).not.toContain(SECRET);
    }
  });

  it.each<[string, TlsTrust | undefined]>([
    ["by the system's roots", undefined],
    ["by another authority", { ca: rootCertificates[0] ?? "" }],
    ["by another fingerprint", { fingerprints: ["00".repeat(32)] }],
  ])(
    "where the server is not trusted %s: connect_tls, and it learns nothing",
    async (_how, tls) => {
      const server = await serve(true);
      let accepted = false;
      void server.accept().then((session) => {
        accepted = session !== undefined;
      });
      const options = { scheme: "wss", ...(tls ? { tls } : {}) };
      await expectError(`localhost:${server.port}`, { code: "connect_tls" }, options);
      expect(accepted).toBe(false);
    },
  );

  it("where the server has no TLS: connect_tls", async () => {
    const server = await serve();
    await expectError(`127.0.0.1:${server.port}`, { code: "connect_tls" }, { scheme: "wss" });
  });
});

describe("connecting", () => {
  it("is tried again with the legacy framing alone where nothing was chosen, as moq-relay 0.10.0 needs it", async () => {
    const offers: string[][] = [];
    const old = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      handleProtocols: (offered) => {
        offers.push([...offered]);
        return offered.size === 1 && offered.has("webtransport") ? "webtransport" : false;
      },
    });
    cleanups.push(() => old.close());
    await new Promise((resolve) => old.once("listening", resolve));
    const { port } = old.address() as AddressInfo;
    const session = await connect(`ws://127.0.0.1:${port}/room`);
    expect(session.protocol).toBeUndefined();
    session.close(0, "");
    expect(offers.map((names) => names.length)).toEqual([4, 1]);
  });

  it.each(["wss", "https"])("carries streams over TLS (%s)", async (scheme) => {
    const server = await serve(true);
    const client = await connect(`${scheme}://localhost:${server.port}/a/b?jwt=1#x`, {
      tls: { ca: TEST_AUTHORITY },
    });
    const session = present(await server.accept());
    expect(session).toMatchObject({ side: "server", path: "/a/b?jwt=1", protocol: "p" });
    expect(client).toMatchObject({ side: "client", path: undefined, protocol: "p" });
    const send = await client.openUni();
    await send.write(pattern(500_000));
    send.finish();
    expect(await readAll(present(await session.acceptUni()))).toEqual(
      Buffer.from(pattern(500_000)),
    );
  });

  it("asks for the newest framing a server of this package knows", async () => {
    const server = await serve();
    const client = await connect(`http://127.0.0.1:${server.port}`);
    expect(client.protocol).toBe("p");
    expect(present(await server.accept()).path).toBe("/");
  });

  it("falls to the legacy framing only where it is offered", async () => {
    const server = await serve();
    const url = `ws://127.0.0.1:${server.port}/`;
    const client = await connect(url, { protocols: ["other"] });
    expect(client.protocol).toBeUndefined();
    expect(client.capabilities.perStreamFlowControl).toBe(false);
  });
});

describe("a server", () => {
  it("says on which port it cannot listen", async () => {
    const { port } = await serve();
    const error = await errorOf(listenWebSocket({ host: "127.0.0.1", port, protocols: [] }));
    expect(error).toMatchObject({ code: "listen_failed", scope: "process" });
    expect(String(error)).toContain(String(port));
  });

  it("ends its sessions and accepts no more when it closes", async () => {
    const server = await serve();
    const client = await connect(`ws://127.0.0.1:${server.port}/`);
    const waiting = present(await server.accept());
    await server.close();
    expect(await client.closed).toMatchObject({ by: "peer", code: 0 });
    expect(await waiting.closed).toMatchObject({ by: "local" });
    expect(await server.accept()).toBeUndefined();
    const refused = connect(`ws://127.0.0.1:${server.port}/`);
    expect(await errorOf(refused)).toMatchObject({ code: "connect_refused" });
  });

  it("answers other requests with 426, and shares a server that is given", async () => {
    const { port } = await serve();
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(426);

    const http = createHttpServer((_request, response) => response.end("the page"));
    const host = await listening(http);
    const server = await listenWebSocket({ server: http, protocols: ["p"] });
    const client = await connect(`ws://${host}/`);
    expect(present(await server.accept()).protocol).toBe("p");
    expect(await (await fetch(`http://${host}/`)).text()).toBe("the page");
    await server.close();
    expect(await client.closed).toMatchObject({ by: "peer" });
    expect(await (await fetch(`http://${host}/`)).text()).toBe("the page");
  });

  it("refuses the legacy framing when told to", async () => {
    const options = { host: "127.0.0.1", port: 0, protocols: ["p"], legacy: false };
    const server = await listenWebSocket(options);
    cleanups.push(() => server.close());
    const refused = connect(`ws://127.0.0.1:${server.port}/`, { framings: ["webtransport"] });
    expect(await errorOf(refused)).toMatchObject({ code: "connect_http", wireCode: 400 });
  });
});
