import { describe, expect, it } from "vitest";
import {
  bidiPair,
  blockWriter,
  errorOf,
  expectSame,
  pattern,
  quietPeriod,
  readAll,
  readAtLeast,
  readError,
  type Suite,
  uniPair,
} from "./subject.js";

const CODES = [0, 1, 42, 65_536, 4_294_967_295];

const resetWith = (code: number) => ({ name: "MoqError", code: "stream_reset", wireCode: code });
const stoppedWith = (code: number) => ({
  name: "MoqError",
  code: "stream_stopped",
  wireCode: code,
});

/** RESET_STREAM and STOP_SENDING. */
export function abandonTests(suite: Suite): void {
  describe.each(["client", "server"] as const)("abandoned streams of the %s", (side) => {
    it.each(CODES)("resets with code %d", async (code) => {
      const { send, recv } = await uniPair(suite.ends(side));
      send.reset(code);
      expect(await readError(recv)).toMatchObject(resetWith(code));
      expect(await errorOf(recv.read())).toMatchObject(resetWith(code));
      expect(await errorOf(send.finished)).toMatchObject({ code: "stream_reset" });
      expect(await errorOf(send.write(pattern(1)))).toMatchObject({ code: "stream_reset" });
      expect(await send.stopped).toBeUndefined();
    });

    it.each(CODES)("stops with code %d", async (code) => {
      const { send, recv } = await uniPair(suite.ends(side));
      recv.stop(code);
      expect(await send.stopped).toBe(code);
      expect(await errorOf(send.write(pattern(1)))).toMatchObject(stoppedWith(code));
      expect(await errorOf(send.finished)).toMatchObject(stoppedWith(code));
      expect(await errorOf(recv.read())).toMatchObject({ code: "stream_stopped" });
    });

    it("resets while a read is pending at the peer", async () => {
      const { send, recv } = await uniPair(suite.ends(side));
      const reading = errorOf(recv.read());
      send.reset(7);
      expect(await reading).toMatchObject(resetWith(7));
    });

    it("resets while a write is blocked", async () => {
      const ends = suite.ends(side);
      const quiet = await quietPeriod(ends);
      const { send, recv } = await uniPair(ends);
      const { blocked } = await blockWriter(send, quiet);
      const failed = errorOf(blocked);
      send.reset(9);
      expect(await failed).toMatchObject({ code: "stream_reset" });
      expect(await readError(recv)).toMatchObject(resetWith(9));
    });

    it("stops while its own read is pending", async () => {
      const { send, recv } = await uniPair(suite.ends(side));
      const reading = errorOf(recv.read());
      recv.stop(11);
      expect(await reading).toMatchObject({ code: "stream_stopped" });
      expect(await send.stopped).toBe(11);
    });

    it("stops while the peer's write is blocked", async () => {
      const ends = suite.ends(side);
      const quiet = await quietPeriod(ends);
      const { send, recv } = await uniPair(ends);
      const { blocked } = await blockWriter(send, quiet);
      const failed = errorOf(blocked);
      recv.stop(12);
      expect(await failed).toMatchObject(stoppedWith(12));
      expect(await send.stopped).toBe(12);
      await quiet();
    });

    it("resets after the FIN was queued but could not leave", async () => {
      const ends = suite.ends(side);
      const quiet = await quietPeriod(ends);
      const { send, recv } = await uniPair(ends);
      const { blocked } = await blockWriter(send, quiet);
      const failed = errorOf(blocked);
      send.finish();
      send.reset(13);
      expect(await failed).toMatchObject({ code: "stream_reset" });
      expect(await errorOf(send.finished)).toMatchObject({ code: "stream_reset" });
      expect(await readError(recv)).toMatchObject(resetWith(13));
    });

    it("does nothing to a stream that has ended", async () => {
      const { send, recv } = await uniPair(suite.ends(side));
      send.finish();
      expect(await recv.read()).toBeUndefined();
      await send.finished;
      send.reset(1);
      send.finish();
      recv.stop(2);
      expect(await recv.read()).toBeUndefined();
      await send.finished;
      expect(await send.stopped).toBeUndefined();
    });

    it("keeps the first code when reset or stopped twice", async () => {
      const first = await uniPair(suite.ends(side));
      first.send.reset(3);
      first.send.reset(4);
      expect(await readError(first.recv)).toMatchObject(resetWith(3));

      const second = await uniPair(suite.ends(side));
      second.recv.stop(5);
      second.recv.stop(6);
      expect(await second.send.stopped).toBe(5);
    });

    it("leaves the other direction of a bidirectional stream alone", async () => {
      const reset = await bidiPair(suite.ends(side));
      reset.near.send.reset(21);
      expect(await readError(reset.far.recv)).toMatchObject(resetWith(21));
      await reset.far.send.write(pattern(100));
      reset.far.send.finish();
      expectSame(await readAll(reset.near.recv), pattern(100));

      const stop = await bidiPair(suite.ends(side));
      stop.far.recv.stop(22);
      expect(await stop.near.send.stopped).toBe(22);
      await stop.far.send.write(pattern(200));
      expectSame(await readAtLeast(stop.near.recv, 200), pattern(200));
      stop.near.recv.stop(23);
      expect(await stop.far.send.stopped).toBe(23);
    });

    it("resets and stops in both directions of a bidirectional stream at once", async () => {
      const { near, far } = await bidiPair(suite.ends(side));
      near.send.reset(31);
      far.send.reset(32);
      expect(await readError(far.recv)).toMatchObject(resetWith(31));
      expect(await readError(near.recv)).toMatchObject(resetWith(32));
    });
  });
}
