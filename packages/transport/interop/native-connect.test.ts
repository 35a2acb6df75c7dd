import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
// By path: see fixture.ts.
import { createCertificate } from "../../testing/src/certificates.js";
import { UdpProxy } from "../../testing/src/udp-proxy.js";
import { errorOf, present, readAll } from "../src/compliance/subject.js";
import { connectNative, type NativeConnectOptions } from "../src/native/native-connect.js";
import { listenNative, type NativeListenOptions } from "../src/native/native-server.js";
import type { TransportServer } from "../src/transport.js";
import { type Fixture, startFixture } from "./fixture.js";
import { SELF_SIGNED } from "./self-signed.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

const servers: TransportServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function listen(options: Partial<NativeListenOptions> = {}): Promise<TransportServer> {
  const server = await listenNative({
    host: "127.0.0.1",
    port: 0,
    identity: fixture.certificate,
    protocols: [],
    ...options,
  });
  servers.push(server);
  return server;
}

const connect = (port: number, options: Partial<NativeConnectOptions> = {}, host = "127.0.0.1") =>
  connectNative(`https://${host}:${port}/`, {
    protocols: [],
    tls: { ca: fixture.certificate.ca },
    timeoutMs: 5_000,
    ...options,
  });

describe("whom a client trusts", () => {
  let port: number;
  beforeEach(async () => {
    ({ port } = await listen());
  });
  const colons = (hex: string) => hex.toUpperCase().match(/../g)?.join(":") ?? "";
  const wrong = "00".repeat(32);

  it("accepts an authority, a fingerprint in any spelling, both, or anything when told so", async () => {
    const { ca, fingerprint } = fixture.certificate;
    for (const tls of [
      { ca },
      { fingerprints: [wrong, fingerprint] },
      { fingerprints: [colons(fingerprint)] },
      { ca, fingerprints: [fingerprint] },
      { insecure: true },
      { insecure: true, fingerprints: [fingerprint] },
    ]) {
      const session = await connect(port, { tls });
      session.close(0, "");
      await session.closed;
    }
  });

  it("refuses everything else as connect_tls", async () => {
    const other = await createCertificate(fixture.folder, "other");
    for (const tls of [
      {},
      { ca: other.ca },
      { fingerprints: [wrong] },
      { fingerprints: [] },
      { insecure: true, fingerprints: [wrong] },
      { ca: other.ca, fingerprints: [fixture.certificate.fingerprint] },
      { ca: fixture.certificate.ca, fingerprints: [wrong] },
      { ca: "no certificate" },
      { fingerprints: ["too short"] },
    ]) {
      expect(await errorOf(connect(port, { tls })), JSON.stringify(tls)).toMatchObject({
        name: "MoqError",
        code: "connect_tls",
      });
    }
  });

  it("says that the certificate is not trusted, and what to name", async () => {
    const { port } = await listen();
    await expect(connect(port, { tls: {} })).rejects.toThrow(
      /^127\.0\.0\.1:\d+: its certificate is not trusted \(UnknownIssuer\); if it is the right server, name its authority \(CA\) or its fingerprint$/,
    );
  });

  it("checks the name, unless the fingerprint is given or nothing is to be checked", async () => {
    const { ca, cert, key, fingerprint } = await createCertificate(fixture.folder, "elsewhere", {
      hosts: ["elsewhere.example"],
    });
    const { port } = await listen({ identity: { cert, key } });
    expect(await errorOf(connect(port, { tls: { ca } }))).toMatchObject({ code: "connect_tls" });
    for (const tls of [{ fingerprints: [fingerprint] }, { insecure: true }]) {
      const session = await connect(port, { tls });
      session.close(0, "");
      await session.closed;
    }
  });

  it("accepts a self-signed certificate that is itself listed, for its own names only", async () => {
    const { port } = await listen({ identity: SELF_SIGNED });
    const tls = { ca: SELF_SIGNED.cert };
    const session = await connect(port, { tls }, "localhost");
    session.close(0, "");
    await session.closed;
    expect(await errorOf(connect(port, { tls }))).toMatchObject({ code: "connect_tls" });
  });
});

describe("why connecting fails", () => {
  it("says connect_unanswered when UDP is silent for timeoutMs", async () => {
    const silent = createSocket("udp4");
    silent.bind(0, "127.0.0.1");
    await once(silent, "listening");
    const error = errorOf(connect(silent.address().port, { timeoutMs: 300 }));
    expect(await error).toMatchObject({ name: "MoqError", code: "connect_unanswered" });
    silent.close();
  });

  it("says connect_unanswered when nobody is bound to the port, or the name is unknown", async () => {
    const gone = await listen();
    await gone.close();
    expect(await errorOf(connect(gone.port, { timeoutMs: 300 }))).toMatchObject({
      code: "connect_unanswered",
    });
    expect(await errorOf(connect(1, {}, "nowhere.invalid"))).toMatchObject({
      code: "connect_unanswered",
    });
  });

  it("says connect_http with the status when the server refuses the session", async () => {
    const server = await listen({ paths: ["/room"] });
    const refused = errorOf(connect(server.port));
    expect(await refused).toMatchObject({ name: "MoqError", code: "connect_http", wireCode: 404 });
    const options = { protocols: [], tls: { insecure: true }, timeoutMs: 5_000 };
    const session = await connectNative(`https://127.0.0.1:${server.port}/room?a=b`, options);
    expect(present(await server.accept()).path).toBe("/room?a=b");
    session.close(0, "");
    await session.closed;
  });

  it("says connect_aborted, before, while and after connecting", async () => {
    const silent = createSocket("udp4");
    silent.bind(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address();
    const aborted = { name: "MoqError", code: "connect_aborted" };
    expect(await errorOf(connect(port, { signal: AbortSignal.abort() }))).toMatchObject(aborted);
    const controller = new AbortController();
    const pending = errorOf(connect(port, { signal: controller.signal, timeoutMs: 60_000 }));
    const arrived = once(silent, "message");
    await arrived;
    controller.abort();
    expect(await pending).toMatchObject(aborted);
    silent.close();

    const server = await listen();
    const late = new AbortController();
    const session = await connect(server.port, { signal: late.signal });
    late.abort();
    const send = await session.openUni();
    send.finish();
    await send.finished;
  });

  it("says connect_url for what is not https", async () => {
    const options = { protocols: [], timeoutMs: 1_000 };
    for (const url of ["http://127.0.0.1/", "moqt://127.0.0.1/", "nonsense"]) {
      expect(await errorOf(connectNative(url, options))).toMatchObject({ code: "connect_url" });
    }
  });

  it("keeps the URL's path and query out of its errors", async () => {
    const url = "https://127.0.0.1:1/secret-path?jwt=secret-token";
    const error = await errorOf(connectNative(url, { protocols: [], timeoutMs: 200 }));
    expect(String(error)).not.toContain("secret");
  });
});

describe("protocol", () => {
  it.each([
    { offered: ["b", "a"], known: ["a", "b", "c"], chosen: "b" },
    { offered: ["x", "a"], known: ["a"], chosen: "a" },
    { offered: ["x"], known: ["a"], chosen: undefined },
    { offered: [], known: ["a"], chosen: undefined },
  ])("of $offered and $known is $chosen", async ({ offered, known, chosen }) => {
    const server = await listen({ protocols: known });
    const [client, accepted] = await Promise.all([
      connect(server.port, { protocols: offered }),
      server.accept(),
    ]);
    expect(client.protocol).toBe(chosen);
    expect(present(accepted).protocol).toBe(chosen);
  });
});

describe("server", () => {
  it("is reached by name where only one of the name's addresses answers", async () => {
    const { port } = await listen();
    const session = await connect(port, {}, "localhost");
    session.close(0, "");
    await session.closed;
  });

  it("refuses a port in use, and an identity it cannot use", async () => {
    const { port } = await listen();
    expect(await errorOf(listen({ port }))).toMatchObject({ code: "listen_failed" });
    for (const identity of [
      { cert: "", key: fixture.certificate.key },
      { cert: fixture.certificate.cert, key: "" },
      { cert: SELF_SIGNED.cert, key: fixture.certificate.key },
    ]) {
      expect(await errorOf(listen({ identity }))).toMatchObject({ code: "listen_failed" });
    }
  });

  it("ends its sessions and frees its port when it is closed", async () => {
    const server = await listen();
    const accepting = server.accept();
    const client = await connect(server.port);
    await accepting;
    const waiting = server.accept();
    await server.close();
    expect(await waiting).toBeUndefined();
    expect(await client.closed).toEqual({ by: "peer", code: 0, reason: "" });
    await listen({ port: server.port });
  });
});

describe("connection", () => {
  it("ends when idle, and is kept alive where that is asked for", async () => {
    const server = await listen({ idleTimeoutMs: 60_000, keepAliveMs: 0 });
    const kept = await connect(server.port, { idleTimeoutMs: 1_500, keepAliveMs: 200 });
    const idle = await connect(server.port, { idleTimeoutMs: 1_500, keepAliveMs: 0 });
    const later = await connect(server.port, { idleTimeoutMs: 1_500, keepAliveMs: 0 });
    expect(await idle.closed).toMatchObject({ by: "transport", code: undefined });
    expect(await later.closed).toMatchObject({ by: "transport", code: undefined });
    const send = await kept.openUni();
    send.finish();
    await send.finished;
  });

  it("sends what has a higher priority first", async () => {
    const listening = await listen();
    const proxy = await UdpProxy.start(listening.port);
    const [client, accepted] = await Promise.all([connect(proxy.port), listening.accept()]);
    const low = await client.openUni();
    const high = await client.openUni();
    low.setPriority(-1);
    high.setPriority(1);
    // Nothing passes until both are queued, so that the one written first has no start.
    proxy.freeze();
    const content = new Uint8Array(1_500_000);
    await low.write([Uint8Array.of(0), content]);
    await high.write([Uint8Array.of(1), content]);
    low.finish();
    high.finish();
    proxy.thaw();

    const finished: string[] = [];
    const server = present(accepted);
    const arrived = [present(await server.acceptUni()), present(await server.acceptUni())];
    const reading = arrived.map(async (stream) => {
      const bytes = await readAll(stream);
      finished.push(bytes[0] === 1 ? "high" : "low");
    });
    await Promise.all(reading);
    expect(finished).toEqual(["high", "low"]);
    await listening.close();
    await proxy.stop();
  });
});
