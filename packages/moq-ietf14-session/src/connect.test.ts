import { VirtualRuntime } from "@moq-bridge/runtime";
import { memoryPair } from "@moq-bridge/transport";
import { describe, expect, it } from "vitest";
import { acceptIetf14, connectIetf14 } from "./connect.js";
import { cloudflare } from "./profile.js";

function setUp() {
  const runtime = new VirtualRuntime();
  const options = { runtime, profile: cloudflare };
  return { runtime, options, pair: memoryPair({ runtime, maxBidiStreams: 0 }) };
}

describe("a session without a control stream", () => {
  it("ends in time when the peer admits none", async () => {
    const { runtime, options, pair } = setUp();
    const connecting = connectIetf14(pair.client, options);
    const failed = expect(connecting).rejects.toMatchObject({
      code: "setup_timeout",
      message: "the peer admitted no control stream in time",
    });
    await runtime.advance(cloudflare.setupTimeoutMs);
    await failed;
    expect(await pair.server.closed).toMatchObject({ by: "peer", code: 0x11 });
    expect(runtime.pendingTimers).toBe(0);
  });

  it("ends with the transport when that is lost first", async () => {
    const { runtime, options, pair } = setUp();
    const accepting = acceptIetf14(pair.server, options);
    const failed = expect(accepting).rejects.toMatchObject({ code: "connection_lost" });
    pair.cut();
    await runtime.advance(1);
    await failed;
    expect(runtime.pendingTimers).toBe(0);
  });
});
