import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { UdpProxy } from "./udp-proxy.js";
import { eventually } from "./wait.js";

const PACKETS = 200;

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  ends.push(() => socket.close());
  return socket;
}

/** Sends numbered packets through a proxy and gives what arrived once all were lost or came. */
async function send(impairment: Parameters<UdpProxy["impair"]>[0]): Promise<{
  arrived: number[];
  lost: number;
}> {
  const server = await bound();
  const proxy = await UdpProxy.start(server.address().port);
  ends.push(() => proxy.stop());
  proxy.impair(impairment);
  const arrived: number[] = [];
  server.on("message", (packet) => arrived.push(packet.readUInt16BE(0)));
  const client = await bound();
  for (let number = 0; number < PACKETS; number++) {
    const packet = Buffer.alloc(2);
    packet.writeUInt16BE(number);
    client.send(packet, proxy.port, "127.0.0.1");
  }
  await eventually(() => arrived.length + proxy.lost === PACKETS, {
    what: "every packet",
    timeoutMs: 5_000,
  });
  return { arrived, lost: proxy.lost };
}

it("delays packets and keeps their order", async () => {
  const { arrived, lost } = await send({ loss: 0, delayMs: 20 });
  expect(arrived).toEqual(Array.from({ length: PACKETS }, (_, number) => number));
  expect(lost).toBe(0);
});

it("loses the share asked for, the same packets for the same seed", async () => {
  const first = await send({ loss: 0.2, delayMs: 0, seed: 5 });
  expect(first.lost).toBeGreaterThan(PACKETS * 0.1);
  expect(first.lost).toBeLessThan(PACKETS * 0.3);
  expect(await send({ loss: 0.2, delayMs: 0, seed: 5 })).toEqual(first);
  expect((await send({ loss: 0.2, delayMs: 0, seed: 6 })).arrived).not.toEqual(first.arrived);
});
