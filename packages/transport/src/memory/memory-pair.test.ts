import { settle, systemRuntime, VirtualRuntime } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { type MemoryPairOptions, memoryPair } from "./memory-pair.js";

/** What a server saw of ten streams written to in turn: stream and byte, in order of arrival. */
async function arrivals(options: Omit<MemoryPairOptions, "runtime">): Promise<string[]> {
  const runtime = new VirtualRuntime();
  const { client, server } = memoryPair({ runtime, ...options });
  const seen: string[] = [];
  const accepting = (async () => {
    for (;;) {
      const stream = await server.acceptUni();
      if (!stream) return;
      void (async () => {
        const [number = 0] = (await stream.read()) ?? [];
        seen.push(`${number}`);
        for (let chunk = await stream.read(); chunk; chunk = await stream.read()) {
          for (const byte of chunk) seen.push(`${number}.${byte}`);
        }
      })().catch(() => {});
    }
  })();
  const sends = await Promise.all(Array.from({ length: 10 }, () => client.openUni()));
  for (const [number, send] of sends.entries()) await send.write(Uint8Array.of(number));
  for (let byte = 0; byte < 5; byte++) {
    for (const send of sends) await send.write(Uint8Array.of(byte));
  }
  for (const send of sends) send.finish();
  await settle();
  client.close(0, "");
  await accepting;
  return seen;
}

describe("the order of delivery", () => {
  it("is the order of sending without a seed", async () => {
    const seen = await arrivals({});
    expect(seen.slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, number) => `${number}`));
    expect(seen).toHaveLength(60);
  });

  it("is the same for the same seed, another for another, and never wrong within a stream", async () => {
    const runs = await Promise.all([7, 7, 8].map((seed) => arrivals({ seed })));
    const [first, second, other] = runs;
    expect(first).toEqual(second);
    expect(first).not.toEqual(other);
    for (const run of runs) {
      expect(run).toHaveLength(60);
      for (let number = 0; number < 10; number++) {
        const own = run.filter((entry) => entry.startsWith(`${number}.`));
        expect(own).toEqual([0, 1, 2, 3, 4].map((byte) => `${number}.${byte}`));
      }
    }
  });
});

describe("time", () => {
  it("need not pass, and no timer is left", async () => {
    const runtime = new VirtualRuntime();
    const { client, server } = memoryPair({ runtime });
    const send = await client.openUni();
    await send.write(Uint8Array.of(1, 2, 3));
    send.finish();
    await (await server.acceptUni())?.read();
    expect(runtime.now()).toBe(0);
    expect(runtime.pendingTimers).toBe(0);
  });

  it("passes on the runtime's clock with a latency, one way", async () => {
    const runtime = new VirtualRuntime();
    const { client, server } = memoryPair({ runtime, latencyMs: 25 });
    const send = await client.openUni();
    await send.write(Uint8Array.of(1));
    send.finish();
    const times: number[] = [];
    void send.finished.then(() => times.push(runtime.now()));
    void server.acceptUni().then(() => times.push(runtime.now()));
    await runtime.advance(24);
    expect(times).toEqual([]);
    await runtime.advance(100);
    expect(times).toEqual([25, 50]);
  });

  it("leaves no timer behind when cut", async () => {
    const runtime = new VirtualRuntime();
    const { client, cut } = memoryPair({ runtime, latencyMs: 25 });
    await (await client.openUni()).write(Uint8Array.of(1));
    expect(runtime.pendingTimers).toBe(1);
    cut();
    expect(runtime.pendingTimers).toBe(0);
    expect(await client.closed).toMatchObject({ by: "transport", code: undefined });
  });

  it("is cut in the middle of things when told so", async () => {
    const runtime = new VirtualRuntime();
    const { client, server, cut } = memoryPair({ runtime });
    const received: (number | undefined)[] = [];
    const read = async () => {
      const recv = await server.acceptUni();
      for (let chunk = await recv?.read(); chunk; chunk = await recv?.read()) {
        received.push(chunk[0]);
      }
    };
    const reading = read().catch(({ code }) => code);
    cut(2);
    const send = await client.openUni();
    const write = async (byte: number) => send.write(Uint8Array.of(byte));
    await expect(Promise.all([1, 2, 3].map(write)).then(() => send.finished)).rejects.toThrow();
    expect(await reading).toBe("session_closed");
    // What arrived and was not read yet is lost as well.
    expect(received).toEqual([1]);
    expect(await client.closed).toMatchObject({ by: "transport", code: undefined });
  });

  it("counts the streams that have not ended", async () => {
    const runtime = new VirtualRuntime();
    const pair = memoryPair({ runtime });
    const uni = await pair.client.openUni();
    const bidi = await pair.client.openBidi();
    expect(pair.openStreams).toBe(3);
    uni.reset(0);
    bidi.send.reset(0);
    bidi.recv.stop(0);
    await runtime.advance(1);
    expect(pair.openStreams).toBe(0);
  });

  it("gives the process its turn while a writer and a reader never pause", async () => {
    const { client, server } = memoryPair({ runtime: systemRuntime });
    const send = await client.openUni();
    let running = true;
    setImmediate(() => {
      running = false;
    });
    const writing = (async () => {
      while (running) await send.write(Uint8Array.of(1));
      send.finish();
    })();
    const stream = await server.acceptUni();
    while (await stream?.read());
    await writing;
  });
});

describe("a connection that carries so much a second", () => {
  async function begin() {
    const runtime = new VirtualRuntime();
    const pair = memoryPair({ runtime, bytesPerSecond: 100_000 });
    const arrived: [stream: number, ms: number][] = [];
    void (async () => {
      for (;;) {
        const stream = await pair.server.acceptUni();
        if (!stream) return;
        void (async () => {
          let number = 0;
          for (let chunk = await stream.read(); chunk; chunk = await stream.read()) {
            number = chunk.at(-1) ?? 0;
          }
          arrived.push([number, runtime.now()]);
        })().catch(() => {});
      }
    })();
    const send = async (number: number, bytes: number, priority = 0) => {
      const stream = await pair.client.openUni();
      stream.setPriority(priority);
      void stream.write(new Uint8Array(bytes).fill(number)).catch(() => {});
      stream.finish();
      return stream;
    };
    return { runtime, pair, arrived, send };
  }

  it("takes its time, and shares it among equals", async () => {
    const { runtime, arrived, send } = await begin();
    await send(1, 60_000);
    await send(2, 60_000);
    await send(3, 1_200);
    await runtime.advance(1_300);
    expect(arrived.map(([number]) => number)).toEqual([3, 1, 2]);
    const [[, third = 0] = [], [, first = 0] = [], [, second = 0] = []] = arrived;
    expect(third).toBeLessThan(100);
    expect(first).toBeGreaterThan(1_100);
    expect(second).toBeCloseTo(1_212, 0);
    expect(runtime.pendingTimers).toBe(0);
  });

  it("sends what has the higher priority first", async () => {
    const { runtime, arrived, send } = await begin();
    await send(1, 60_000, 1);
    await runtime.advance(100);
    await send(2, 60_000, 2);
    await runtime.advance(1_300);
    expect(arrived.map(([number]) => number)).toEqual([2, 1]);
  });

  it("does not send what was reset, nor anything once it is over", async () => {
    const { runtime, pair, arrived, send } = await begin();
    const stream = await send(1, 100_000);
    await runtime.advance(100);
    stream.reset(3);
    await send(2, 10_000);
    await runtime.advance(200);
    expect(arrived.map(([number]) => number)).toEqual([2]);
    await send(3, 100_000);
    pair.client.close(0, "");
    await runtime.advance(1);
    expect(runtime.pendingTimers).toBe(0);
  });
});

describe("stricter than most networks", () => {
  it("announces a stream only with its first byte", async () => {
    const { client, server } = memoryPair({ runtime: new VirtualRuntime() });
    let accepted = false;
    const accepting = server.acceptUni().then(() => {
      accepted = true;
    });
    const send = await client.openUni();
    await settle();
    expect(accepted).toBe(false);
    await send.write(Uint8Array.of(1));
    await accepting;
  });

  it("announces a bidirectional stream by its STOP_SENDING as well", async () => {
    const { client, server } = memoryPair({ runtime: new VirtualRuntime() });
    const near = await client.openBidi();
    near.recv.stop(7);
    const far = await server.acceptBidi();
    expect(await far?.send.stopped).toBe(7);
  });

  it("drops with a reset what was not read", async () => {
    const { client, server } = memoryPair({ runtime: new VirtualRuntime() });
    const send = await client.openUni();
    await send.write(Uint8Array.of(1, 2, 3));
    const stream = await server.acceptUni();
    send.reset(4);
    await settle();
    await expect(stream?.read()).rejects.toMatchObject({ code: "stream_reset", wireCode: 4 });
  });

  it("refuses two reads and two writes at once, and writing after the FIN", async () => {
    const { client, server } = memoryPair({ runtime: new VirtualRuntime(), windowBytes: 1 });
    const send = await client.openUni();
    const blocked = send.write(Uint8Array.of(1, 2));
    await expect(send.write(Uint8Array.of(3))).rejects.toMatchObject({ code: "transport_misuse" });
    const stream = await server.acceptUni();
    await stream?.read();
    await stream?.read();
    await blocked;
    const reading = stream?.read();
    await expect(stream?.read()).rejects.toMatchObject({ code: "transport_misuse" });
    send.finish();
    expect(await reading).toBeUndefined();
    await expect(send.write(Uint8Array.of(3))).rejects.toMatchObject({ code: "transport_misuse" });
  });

  it("blocks a writer at exactly the window", async () => {
    const { client, server } = memoryPair({ runtime: new VirtualRuntime(), windowBytes: 100 });
    const send = await client.openUni();
    await send.write(new Uint8Array(100));
    let resolved = false;
    const writing = send.write(new Uint8Array(1)).then(() => {
      resolved = true;
    });
    await settle();
    expect(resolved).toBe(false);
    await (await server.acceptUni())?.read();
    await writing;
  });
});

it("loses the declared share of datagrams", async () => {
  const runtime = new VirtualRuntime();
  const { client, server } = memoryPair({ runtime, seed: 5, datagramLoss: 0.3 });
  let received = 0;
  const reading = (async () => {
    while (await server.readDatagram()) received += 1;
  })();
  for (let index = 0; index < 1_000; index++) client.sendDatagram(Uint8Array.of(index));
  await settle();
  client.close(0, "");
  await reading;
  expect(received).toBeGreaterThan(600);
  expect(received).toBeLessThan(800);
});
