import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
// By path: as a dependency it would depend on itself, for that package needs this one.
import { PeerProcess } from "../../testing/src/peer-process.js";
import { peerExecutable } from "../../testing/src/peers/locate.js";
import {
  errorOf,
  expectSame,
  pattern,
  present,
  readAll,
  readError,
} from "../src/compliance/subject.js";
import type { TransportSession } from "../src/transport.js";
import { connectWebSocket } from "../src/websocket/connect.js";
import type { Framing } from "../src/websocket/frame.js";
import { listenWebSocket } from "../src/websocket/listen.js";

const SCRIPT = join(import.meta.dirname, "qmux-peer.mjs");
const PROTOCOL = "moq-lite-05";
const DEADLINE = { timeoutMs: 15_000 };

interface Subject {
  readonly session: TransportSession;
  readonly peer: PeerProcess;
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startPeer(...args: string[]): Promise<PeerProcess> {
  const command = peerExecutable("node");
  const peer = await PeerProcess.start({ name: "@moq/qmux", command, args: [SCRIPT, ...args] });
  cleanups.push(() => peer.stop());
  return peer;
}

async function event(peer: PeerProcess, name: string): Promise<Record<string, unknown>> {
  const line = await peer.waitForLine(new RegExp(`"event":"${name}"`), DEADLINE);
  return JSON.parse(line.text);
}

/** We are the server. */
async function acceptPeer(framing: Framing): Promise<Subject> {
  const server = await listenWebSocket({ host: "127.0.0.1", port: 0, protocols: [PROTOCOL] });
  cleanups.push(() => server.close());
  const url = `http://127.0.0.1:${server.port}/room?jwt=x`;
  const peer = await startPeer("client", url, framing, PROTOCOL);
  const session = present(await server.accept());
  expect(session.path).toBe("/room?jwt=x");
  return { session, peer };
}

/** We are the client. */
async function connectPeer(framing: Framing): Promise<Subject> {
  const peer = await startPeer("server", framing, PROTOCOL);
  const { port } = await event(peer, "listening");
  const session = await connectWebSocket(`ws://127.0.0.1:${port}/room`, {
    protocols: [PROTOCOL],
    timeoutMs: 10_000,
  });
  cleanups.push(async () => session.close(0, ""));
  return { session, peer };
}

const roles = [
  ["client", acceptPeer],
  ["server", connectPeer],
] as const;

describe.each(["qmux-00", "qmux-01", "qmux-02"] as const)("@moq/qmux in %s", (framing) => {
  describe.each(roles)("as the %s", (_role, start) => {
    it("agrees on the protocol and echoes more than its windows hold", async () => {
      const { session, peer } = await start(framing);
      expect(session.protocol).toBe(PROTOCOL);
      expect(await event(peer, "ready")).toMatchObject({ protocol: PROTOCOL });
      const { send, recv } = await session.openBidi();
      const content = pattern(3 * 1024 * 1024);
      const writing = send.write(content).then(() => send.finish());
      expectSame(await readAll(recv), content);
      await writing;
    });

    it("opens and ends more streams than it has places for", async () => {
      const { session } = await start(framing);
      const count = 350;
      const sending = (async () => {
        for (let index = 0; index < count; index++) {
          const send = await session.openUni();
          await send.write(pattern(100, index + 1));
          send.finish();
        }
      })();
      const sizes: number[] = [];
      for (let index = 0; index < count; index++) {
        sizes.push((await readAll(present(await session.acceptUni()))).byteLength);
      }
      await sending;
      expect(sizes).toEqual(new Array(count).fill(100));
    });

    it("resets and stops streams with codes, both ways", async () => {
      const { session, peer } = await start(framing);
      const reset = await session.openBidi();
      await reset.send.write(Buffer.from("reset 41"));
      expect(await readError(reset.recv)).toMatchObject({ code: "stream_reset", wireCode: 41 });

      const stop = await session.openBidi();
      await stop.send.write(Buffer.from("stop 42"));
      expect(await stop.send.stopped).toBe(42);
      expect(await errorOf(stop.send.write(pattern(1)))).toMatchObject({ wireCode: 42 });

      const ours = await session.openBidi();
      await ours.send.write(pattern(10));
      await ours.recv.read();
      ours.send.reset(43);
      expect(await event(peer, "reset")).toMatchObject({ code: 43 });
    });

    it("is told of a close with code and reason", async () => {
      const { session, peer } = await start(framing);
      await event(peer, "ready");
      session.close(77, "done here");
      expect(await event(peer, "closed")).toMatchObject({ closeCode: 77, reason: "done here" });
    });

    it("is noticed at once when it is killed", async () => {
      const { session, peer } = await start(framing);
      await event(peer, "ready");
      await peer.kill();
      expect(await session.closed).toMatchObject({ by: "transport", code: undefined });
    });
  });
});
