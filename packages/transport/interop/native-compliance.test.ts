// By path: see fixture.ts.

import { afterAll, beforeAll } from "vitest";
import { UdpProxy } from "../../testing/src/udp-proxy.js";
import { transportCompliance } from "../src/compliance/compliance.js";
import { present } from "../src/compliance/subject.js";
import { connectNative } from "../src/native/native-connect.js";
import { listenNative } from "../src/native/native-server.js";
import type { NativeSessionOptions } from "../src/native/settings.js";
import { type Fixture, startFixture } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

/** A server for each pair: what one test leaves behind cannot reach the next. */
function start(options: NativeSessionOptions = {}) {
  return async () => {
    const server = await listenNative({
      host: "127.0.0.1",
      port: 0,
      identity: fixture.certificate,
      protocols: ["moq-lite-05"],
      idleTimeoutMs: 4_000,
      keepAliveMs: 1_000,
      ...options,
    });
    const proxy = await UdpProxy.start(server.port);
    const [client, accepted] = await Promise.all([
      connectNative(`${proxy.url}room?jwt=x`, {
        protocols: ["moq-lite-99", "moq-lite-05"],
        tls: { ca: fixture.certificate.ca },
        timeoutMs: 5_000,
        ...options,
      }),
      server.accept(),
    ]);
    return {
      client,
      server: present(accepted),
      cut() {
        proxy.freeze();
        return [client, present(accepted)];
      },
      async cleanup() {
        await server.close();
        await proxy.stop();
      },
    };
  };
}

const expected = { protocol: "moq-lite-05", path: "/room?jwt=x" };
transportCompliance("native", start(), expected);
transportCompliance("native, few streams", start({ maxUniStreams: 5, maxBidiStreams: 5 }), {
  ...expected,
  limits: { uni: 5, bidi: 5 },
});
