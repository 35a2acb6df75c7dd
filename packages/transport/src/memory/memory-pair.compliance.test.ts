import { systemRuntime } from "@moq-bridge/runtime";
import { transportCompliance } from "../compliance/compliance.js";
import { type MemoryPairOptions, memoryPair } from "./memory-pair.js";

function start(options: Omit<MemoryPairOptions, "runtime">) {
  return async () => {
    const { client, server, cut } = memoryPair({ runtime: systemRuntime, ...options });
    return {
      client,
      server,
      cleanup: () => client.close(0, ""),
      cut() {
        cut();
        return [client, server];
      },
    };
  };
}

transportCompliance(
  "memory, in order",
  start({ protocol: "moq-lite-05", path: "/room?jwt=x", windowBytes: 65_536 }),
  { protocol: "moq-lite-05", path: "/room?jwt=x" },
);
transportCompliance("memory, seed 1", start({ seed: 1 }));
transportCompliance("memory, seed 2", start({ seed: 2, windowBytes: 8_192, datagramLoss: 0.5 }));
transportCompliance(
  "memory, few streams",
  start({ seed: 3, maxUniStreams: 20, maxBidiStreams: 10 }),
  { limits: { uni: 20, bidi: 10 } },
);
