import { systemRuntime } from "@moq-bridge/runtime";
import { transportCompliance } from "../compliance/compliance.js";
import { type MemoryPairOptions, memoryPair } from "../memory/memory-pair.js";
import { fakeWebTransport } from "./fake-web-transport.js";
import { fromWebTransport } from "./from-web-transport.js";

function start(options: Omit<MemoryPairOptions, "runtime">) {
  return async () => {
    const pair = memoryPair({ runtime: systemRuntime, ...options });
    const client = await fromWebTransport(fakeWebTransport(pair.client), {
      capabilities: { acknowledgedFinish: true },
    });
    const server = await fromWebTransport(fakeWebTransport(pair.server), {
      side: "server",
      path: "/room",
      capabilities: { acknowledgedFinish: true },
    });
    return {
      client,
      server,
      cleanup: () => client.close(0, ""),
      cut() {
        pair.cut();
        return [client, server];
      },
    };
  };
}

transportCompliance("W3C WebTransport over memory", start({ protocol: "moq-lite-05" }), {
  protocol: "moq-lite-05",
  path: "/room",
});
transportCompliance(
  "W3C WebTransport over memory, few streams",
  start({ seed: 4, maxUniStreams: 20, maxBidiStreams: 10, windowBytes: 16_384 }),
  { limits: { uni: 20, bidi: 10 } },
);
