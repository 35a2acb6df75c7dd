import { afterEach, expect, it } from "vitest";
import { TEST_AUTHORITY, TEST_FINGERPRINT, TEST_IDENTITY } from "../tls/test-certificates.js";
import type { TlsTrust, TransportServer } from "../transport.js";
import { listenWebSocket } from "../websocket/listen.js";
import { connectRelay } from "./connect-relay.js";

const PROTOCOL = "moq-lite-05";
let server: TransportServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** A WebSocket server with TLS: over UDP, nothing answers at its port, with or without the addon. */
async function connectTo(tls: TlsTrust) {
  server = await listenWebSocket({
    host: "127.0.0.1",
    port: 0,
    tls: TEST_IDENTITY,
    protocols: [PROTOCOL],
  });
  return connectRelay(`https://localhost:${server.port}/room?jwt=very-secret`, {
    protocols: [PROTOCOL],
    tls,
    timeoutMs: 1_500,
  });
}

it.each([
  ["an authority", { ca: TEST_AUTHORITY }],
  ["a fingerprint", { fingerprints: [TEST_FINGERPRINT] }],
  ["insecure", { insecure: true }],
])("reaches a relay without UDP over wss, trusting as told: %s", async (_what, tls) => {
  const { session, transport, fellBack } = await connectTo(tls);
  expect(transport).toBe("websocket");
  expect(["connect_unanswered", "connect_unsupported"]).toContain(fellBack?.code);
  expect(session).toMatchObject({ kind: "websocket", side: "client", protocol: PROTOCOL });
  const accepted = await server?.accept();
  expect(accepted?.path).toBe("/room?jwt=very-secret");
  session.close(0, "");
});

it.each([
  ["the system's authorities", {}],
  ["another fingerprint", { fingerprints: ["00".repeat(32)] }],
])("trusts no more over wss than over QUIC: %s", async (_what, tls) => {
  const error = await connectTo(tls).catch((thrown) => thrown);
  expect(error).toMatchObject({ name: "MoqError", code: "connect_tls" });
  expect(error.message).toContain("; over WebSocket: ");
  expect(error.message).not.toContain("very-secret");
});
