import { systemRuntime } from "@moq-bridge/runtime";
import { expect, it } from "vitest";
import { memoryPair } from "./memory-pair.js";

it("carries", async () => {
  for (const seed of [undefined, 3]) {
    const { client, server } = memoryPair({
      runtime: systemRuntime,
      windowBytes: 4,
      ...(seed ? { seed } : {}),
    });
    const s = await client.openUni();
    const w = s.write(new Uint8Array(100).fill(1)).then(() => s.finish());
    const r = await server.acceptUni();
    let n = 0;
    for (let c = await r?.read(); c; c = await r?.read()) n += c.byteLength;
    expect(n).toBe(100);
    await w;
    await s.finished;
    const b = await client.openBidi();
    b.recv.stop(7);
    const sb = await server.acceptBidi();
    expect(await sb?.send.stopped).toBe(7);
    await expect(sb?.send.write(new Uint8Array(1))).rejects.toMatchObject({
      code: "stream_stopped",
      wireCode: 7,
    });
    client.close(3, "bye");
    expect(await server.closed).toEqual({ code: 3, reason: "bye", by: "peer" });
  }
});
