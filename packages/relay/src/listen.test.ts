import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connectLite, LITE_PROTOCOLS } from "@moq-bridge/moq-lite-session";
import { Origin } from "@moq-bridge/origin";
import { type MoqError, systemRuntime as runtime } from "@moq-bridge/runtime";
import { connectRelay } from "@moq-bridge/transport";
import { expect, test } from "vitest";
import { listen } from "./listen.js";
import { LiteRelay } from "./lite/lite-relay.js";

let nextId = 9n;

async function connect(url: string, fingerprint?: string) {
  const { session: transport } = await connectRelay(url, {
    protocols: LITE_PROTOCOLS,
    timeoutMs: 5_000,
    fallback: false,
    ...(fingerprint === undefined ? {} : { tls: { fingerprints: [fingerprint] } }),
  });
  const publish = new Origin({ runtime });
  const subscribe = new Origin({ runtime });
  const session = await connectLite(transport, { runtime, publish, subscribe, originId: nextId++ });
  return { session, publish, subscribe };
}

test("serves WebSocket, and WebTransport on the same port where QUIC loads", async () => {
  const relay = new LiteRelay({ runtime });
  const server = await listen(relay, { runtime, host: "127.0.0.1", port: 0 });
  try {
    const url = server.webTransportUrl ?? server.webSocketUrl;
    const one = await connect(server.webSocketUrl);
    const other = await connect(url, server.fingerprint);
    const answer = await fetch(`http://127.0.0.1:${server.port}/certificate.sha256`);
    expect([answer.status, await answer.text()]).toEqual(
      server.fingerprint === undefined ? [426, ""] : [200, server.fingerprint],
    );
    expect(server.withoutWebTransport === undefined).toBe(server.fingerprint !== undefined);
    other.publish.createBroadcast("across");
    const announced = one.subscribe.announced();
    expect(await announced.next()).toMatchObject({ type: "active", path: "across" });
    one.session.close();
    other.session.close();
  } finally {
    await server.close();
  }
  expect(relay.sessions).toBe(0);
});

test("serves WebSocket alone when asked to, and says why there is no more", async () => {
  const server = await listen(new LiteRelay({ runtime }), {
    runtime,
    host: "127.0.0.1",
    port: 0,
    webTransport: "off",
  });
  const { webTransportUrl, withoutWebTransport } = server;
  expect([webTransportUrl, withoutWebTransport]).toEqual([undefined, "it was not asked for"]);
  await server.close();
});

test("a port that is taken is an error that says what to do, for TCP and for UDP", async () => {
  const options = { runtime, host: "127.0.0.1" };
  const failure = (port: number) =>
    listen(new LiteRelay({ runtime }), { ...options, port }).then(
      (server) => server.close(),
      (error: MoqError) => `${error.code}: ${error.message}`,
    );
  const first = await listen(new LiteRelay({ runtime }), { ...options, port: 0 });
  const udp = createSocket("udp4").bind(0, "127.0.0.1");
  await once(udp, "listening");
  const { port } = udp.address();
  const reason = "another program listens there; end it or choose another port";
  try {
    expect(await failure(first.port)).toBe(
      `listen_failed: cannot listen on 127.0.0.1:${first.port}: ${reason}`,
    );
    const quicLoads = first.webTransportUrl !== undefined;
    expect(await failure(port)).toBe(
      quicLoads
        ? `listen_failed: cannot listen on 127.0.0.1:${port} with QUIC: ${reason}`
        : undefined,
    );
  } finally {
    udp.close();
    await first.close();
  }
});
