import { once } from "node:events";
import { createServer as createTcpServer, type Server } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { MoqError } from "@moq-bridge/runtime";
import { afterEach, describe, expect, it } from "vitest";
import type { TlsTrust } from "../transport.js";
import { normalizeFingerprint, tlsConnector } from "./node-tls.js";
import { TEST_AUTHORITY, TEST_FINGERPRINT, TEST_IDENTITY } from "./test-certificates.js";

const OTHER_FINGERPRINT = "00".repeat(32);
const open: { destroy(): void }[] = [];
let server: Server | undefined;

afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

async function listening(next: Server): Promise<number> {
  server = next;
  next.on("connection", (socket) => {
    open.push(socket);
    socket.on("error", () => {});
  });
  next.listen(0, "127.0.0.1");
  await once(next, "listening");
  const address = next.address();
  return typeof address === "object" && address ? address.port : 0;
}

/** A TLS server, and what clients sent to it once their handshake was over. */
async function tlsServer() {
  const received: string[] = [];
  const next = createTlsServer(TEST_IDENTITY, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => received.push(data.toString()));
    socket.write("hello");
  });
  next.on("tlsClientError", () => {});
  return { port: await listening(next), received };
}

function dial(
  port: number,
  trust?: TlsTrust,
  options: { host?: string; signal?: AbortSignal } = {},
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    tlsConnector(trust, options.signal)(
      { host: options.host ?? "localhost", port },
      (error: MoqError | null, socket) => {
        if (socket) {
          open.push(socket);
          resolve(socket);
        } else {
          reject(error);
        }
      },
    );
  });
}

describe("whom to trust", () => {
  const trusted: [string, TlsTrust, string?][] = [
    ["an authority", { ca: TEST_AUTHORITY }],
    ["a fingerprint", { fingerprints: [TEST_FINGERPRINT] }],
    ["one of several fingerprints", { fingerprints: [OTHER_FINGERPRINT, TEST_FINGERPRINT] }],
    ["a fingerprint, by another name", { fingerprints: [TEST_FINGERPRINT] }, "127.0.0.1"],
    ["both", { ca: TEST_AUTHORITY, fingerprints: [TEST_FINGERPRINT] }],
    ["anyone", { insecure: true }, "127.0.0.1"],
  ];
  it.each(trusted)("connects when told to trust %s", async (_what, trust, host) => {
    const { port } = await tlsServer();
    const socket = await dial(port, trust, host === undefined ? {} : { host });
    const [data] = await once(socket, "data");
    expect(String(data)).toBe("hello");
  });

  const refused: [string, TlsTrust | undefined, string?][] = [
    ["the system's authorities", undefined],
    ["another fingerprint", { fingerprints: [OTHER_FINGERPRINT] }],
    ["no fingerprint at all", { fingerprints: [] }],
    ["another fingerprint, insecurely", { insecure: true, fingerprints: [OTHER_FINGERPRINT] }],
    ["the authority, by another name", { ca: TEST_AUTHORITY }, "127.0.0.1"],
    [
      "authority and fingerprint, by another name",
      { ca: TEST_AUTHORITY, fingerprints: [TEST_FINGERPRINT] },
      "127.0.0.1",
    ],
    ["authority and another print", { ca: TEST_AUTHORITY, fingerprints: [OTHER_FINGERPRINT] }],
  ];
  it.each(refused)("refuses when told to trust %s", async (_what, trust, host) => {
    const { port, received } = await tlsServer();
    await expect(dial(port, trust, host === undefined ? {} : { host })).rejects.toMatchObject({
      name: "MoqError",
      code: "connect_tls",
    });
    expect(received).toEqual([]);
  });

  it("says that the certificate is not trusted, why, and what to name", async () => {
    const { port } = await tlsServer();
    await expect(dial(port, {})).rejects.toThrow(
      /^localhost:\d+: its certificate is not trusted \(.+\); if it is the right server, name its authority \(CA\) or its fingerprint$/,
    );
  });

  it("says the fingerprint it found instead", async () => {
    const { port } = await tlsServer();
    const found = normalizeFingerprint(TEST_FINGERPRINT);
    await expect(dial(port, { fingerprints: [OTHER_FINGERPRINT] })).rejects.toThrow(found);
  });
});

describe("what cannot be read", () => {
  it.each(["", "ab:cd", "zz".repeat(32), TEST_FINGERPRINT.slice(3)])(
    "is no fingerprint: %s",
    (fingerprint) => {
      expect(() => tlsConnector({ fingerprints: [fingerprint] })).toThrow("64 hex digits");
    },
  );

  it("is no authority", () => {
    expect(() => tlsConnector({ ca: "not a PEM" })).toThrow("not readable PEM");
  });

  it("is told from a fingerprint in any writing", () => {
    const plain = TEST_FINGERPRINT.replaceAll(":", "").toLowerCase();
    expect(normalizeFingerprint(TEST_FINGERPRINT)).toBe(plain);
    expect(normalizeFingerprint(plain.toUpperCase())).toBe(plain);
  });
});

describe("who does not answer", () => {
  it("refused the connection", async () => {
    const { port } = await tlsServer();
    await new Promise((resolve) => server?.close(resolve));
    server = undefined;
    await expect(dial(port)).rejects.toMatchObject({ code: "connect_refused" });
  });

  it("speaks no TLS", async () => {
    const port = await listening(
      createTcpServer((socket) => {
        socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      }),
    );
    await expect(dial(port, { insecure: true })).rejects.toMatchObject({ code: "connect_tls" });
  });

  it("ends the handshake", async () => {
    const port = await listening(createTcpServer((socket) => socket.destroy()));
    await expect(dial(port, { insecure: true })).rejects.toMatchObject({ code: "connect_tls" });
  });

  it("is waited for until it is given up", async () => {
    const stop = new AbortController();
    const port = await listening(createTcpServer(() => stop.abort()));
    await expect(dial(port, {}, { signal: stop.signal })).rejects.toMatchObject({
      code: "connect_aborted",
    });
  });

  it("is not tried at all when given up before", async () => {
    const { port } = await tlsServer();
    const signal = AbortSignal.abort();
    await expect(dial(port, { insecure: true }, { signal })).rejects.toMatchObject({
      code: "connect_aborted",
    });
  });
});
