import { settle, VirtualRuntime } from "@moq-bridge/runtime";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { RecvStream } from "../transport.js";
import { memoryPair } from "./memory-pair.js";

it("delivers any streams whole, with any window, limit, latency and seed", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 6 }), {
        minLength: 1,
        maxLength: 12,
      }),
      fc.record(
        {
          seed: fc.nat(),
          windowBytes: fc.integer({ min: 1, max: 500 }),
          maxUniStreams: fc.integer({ min: 1, max: 4 }),
          latencyMs: fc.integer({ min: 0, max: 30 }),
        },
        { requiredKeys: [] },
      ),
      async (streams, options) => {
        const runtime = new VirtualRuntime();
        const { client, server } = memoryPair({ runtime, ...options });
        const writing = Promise.all(
          streams.map(async (sizes, number) => {
            const send = await client.openUni();
            await send.write(Uint8Array.of(number));
            for (const [at, size] of sizes.entries()) {
              await send.write(new Uint8Array(size).fill(at));
            }
            send.finish();
            await send.finished;
          }),
        );
        const received = new Map<number, string>();
        const read = async (recv: RecvStream) => {
          const chunks: Uint8Array[] = [];
          for (let chunk = await recv.read(); chunk; chunk = await recv.read()) chunks.push(chunk);
          const [number = -1, ...content] = Buffer.concat(chunks);
          received.set(number, content.join());
        };
        const reading = (async () => {
          const readers: Promise<void>[] = [];
          for (let recv = await server.acceptUni(); recv; recv = await server.acceptUni()) {
            readers.push(read(recv));
          }
          await Promise.all(readers);
        })();
        await settle();
        if (options.latencyMs) await runtime.advance(options.latencyMs * 20_000);
        await writing;
        await settle();
        client.close(0, "");
        if (options.latencyMs) await runtime.advance(options.latencyMs);
        await reading;
        for (const [number, sizes] of streams.entries()) {
          const content = sizes.flatMap((size, at) => new Array<number>(size).fill(at));
          expect(received.get(number)).toBe(content.join());
        }
      },
    ),
    { numRuns: 60 },
  );
});
