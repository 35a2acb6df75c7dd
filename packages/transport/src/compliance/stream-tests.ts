import { describe, expect, it } from "vitest";
import {
  bidiPair,
  expectSame,
  pattern,
  present,
  quietPeriod,
  readAll,
  readAtLeast,
  type Suite,
  uniPair,
  watch,
} from "./subject.js";

/** Data, order, FIN and `finished`. */
export function streamTests(suite: Suite): void {
  describe.each(["client", "server"] as const)("streams opened by the %s", (side) => {
    it("carries chunks of any size in order, then the FIN, on a unidirectional stream", async () => {
      const { opener, acceptor } = suite.ends(side);
      const send = await opener.openUni();
      const parts = [1, 2, 1200, 65_536, 7, 300_000].map((size, at) => pattern(size, at + 1));
      const writing = (async () => {
        for (const part of parts) await send.write(part);
        send.finish();
        await send.finished;
      })();
      const recv = present(await acceptor.acceptUni());
      expectSame(await readAll(recv), Buffer.concat(parts));
      await writing;
      expect(await recv.read()).toBeUndefined();
    });

    it("writes several chunks at once, empty ones too, as one sequence", async () => {
      const { opener, acceptor } = suite.ends(side);
      const send = await opener.openUni();
      await send.write([]);
      await send.write(new Uint8Array());
      await send.write([pattern(10), new Uint8Array(), pattern(20, 2)]);
      send.finish();
      const recv = present(await acceptor.acceptUni());
      expectSame(await readAll(recv), Buffer.concat([pattern(10), pattern(20, 2)]));
    });

    it("delivers a stream that is only finished", async () => {
      const { opener, acceptor } = suite.ends(side);
      const send = await opener.openUni();
      send.finish();
      const recv = present(await acceptor.acceptUni());
      expect(await recv.read()).toBeUndefined();
      await send.finished;
    });

    it("delivers bytes before the stream is finished", async () => {
      const { send, recv } = await uniPair(suite.ends(side));
      await send.write(pattern(100));
      expectSame(await readAtLeast(recv, 100), pattern(100));
    });

    it("never writes again to a chunk it handed out, nor do chunks overlap", async () => {
      const { send, recv } = await uniPair(suite.ends(side));
      const received: { chunk: Uint8Array; copy: Uint8Array }[] = [];
      const writing = (async () => {
        for (let index = 0; index < 50; index++) await send.write(pattern(3_000, index + 1));
        send.finish();
      })();
      for (let chunk = await recv.read(); chunk; chunk = await recv.read()) {
        received.push({ chunk, copy: chunk.slice() });
      }
      await writing;
      for (const { chunk, copy } of received) {
        expectSame(chunk, copy);
        chunk.fill(0xee);
      }
      for (const { chunk } of received) expect(chunk.every((byte) => byte === 0xee)).toBe(true);
    });

    it("carries both directions of a bidirectional stream, each with its own FIN", async () => {
      const { near, far } = await bidiPair(suite.ends(side));
      await near.send.write(pattern(5_000, 3));
      near.send.finish();
      expectSame(await readAll(far.recv), pattern(5_000, 3));
      await near.send.finished;

      await far.send.write(pattern(6_000, 4));
      expectSame(await readAtLeast(near.recv, 6_000), pattern(6_000, 4));
      far.send.finish();
      expect(await near.recv.read()).toBeUndefined();
      await far.send.finished;
    });

    it("keeps 8 MiB whole when reader and writer go at once", async () => {
      const { opener, acceptor } = suite.ends(side);
      const content = pattern(8 * 1024 * 1024, 9);
      const send = await opener.openUni();
      const writing = send.write(content).then(() => send.finish());
      const recv = present(await acceptor.acceptUni());
      expectSame(await readAll(recv), content);
      await writing;
      await send.finished;
    });

    it("resolves `finished` once the peer has everything, `stopped` without a code", async () => {
      const ends = suite.ends(side);
      const quiet = await quietPeriod(ends);
      const { send, recv } = await uniPair(ends);
      const finished = watch(send.finished);
      await quiet();
      expect(finished.settled).toBe(false);

      const content = pattern(32 * 1024 * 1024, 5);
      const writing = send.write(content);
      send.finish();
      await quiet();
      // Nobody has read: with acknowledgements, what does not fit the window keeps it open.
      if (ends.opener.capabilities.acknowledgedFinish) expect(finished.settled).toBe(false);
      expectSame(await readAll(recv), content);
      await writing;
      await send.finished;
      expect(await send.stopped).toBeUndefined();
    });

    it("takes any priority", async () => {
      const { send, recv } = await uniPair(suite.ends(side));
      for (const priority of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) send.setPriority(priority);
      await send.write(pattern(10));
      send.finish();
      send.setPriority(5);
      expectSame(await readAll(recv), pattern(10));
    });
  });
}
