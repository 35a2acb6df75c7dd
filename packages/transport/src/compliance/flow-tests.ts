import { describe, expect, it } from "vitest";
import type { SendStream } from "../transport.js";
import {
  bidiPair,
  blockWriter,
  type Ends,
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

const MANY = 300;
const VERY_MANY = 3_000;

/** Back-pressure, and many streams. */
export function flowTests(suite: Suite): void {
  const limits = suite.expected.limits ?? { uni: VERY_MANY, bidi: VERY_MANY };

  describe.each(["client", "server"] as const)(
    "flow control towards the peer of the %s",
    (side) => {
      it("holds a writer back whose peer does not read, and loses nothing", async () => {
        const ends = suite.ends(side);
        const quiet = await quietPeriod(ends);
        const { send, recv } = await uniPair(ends);
        const { blocked, written } = await blockWriter(send, quiet);
        const reading = readAll(recv);
        await blocked;
        send.finish();
        expectSame(await reading, written);
      });

      it("lets other streams go on meanwhile, as declared", async () => {
        const ends = suite.ends(side);
        const quiet = await quietPeriod(ends);
        const { send, recv } = await uniPair(ends);
        const { blocked, written } = await blockWriter(send, quiet);
        if (ends.opener.capabilities.perStreamFlowControl) {
          for (let round = 0; round < 20; round++) {
            const other = await uniPair(ends);
            await other.send.write(pattern(1_000));
            other.send.finish();
            expectSame(await readAll(other.recv), pattern(1_000));
          }
        }
        const reading = readAll(recv);
        await blocked;
        send.finish();
        expectSame(await reading, written);
      });

      it("takes up again after a writer was blocked on each of several streams", async () => {
        const ends = suite.ends(side);
        const quiet = await quietPeriod(ends);
        const first = await uniPair(ends);
        const held = await blockWriter(first.send, quiet);
        const reading = readAtLeast(first.recv, held.written.byteLength);
        await held.blocked;
        expectSame(await reading, held.written);

        const second = await bidiPair(ends);
        const heldToo = await blockWriter(second.near.send, quiet);
        const readingToo = readAtLeast(second.far.recv, heldToo.written.byteLength);
        await heldToo.blocked;
        expectSame(await readingToo, heldToo.written);
      });
    },
  );

  describe.each(["client", "server"] as const)("many streams of the %s", (side) => {
    const counts = new Set([Math.min(MANY, limits.uni), Math.min(VERY_MANY, limits.uni)]);
    it.each([...counts])(
      "has %d unidirectional streams open at once",
      async (count) => {
        await openAtOnce(suite.ends(side), count);
      },
      60_000,
    );

    it(`opens and ends ${VERY_MANY} unidirectional streams one after the other`, async () => {
      const { opener, acceptor } = suite.ends(side);
      for (let index = 0; index < VERY_MANY; index++) {
        const send = await opener.openUni();
        await send.write(numbered(index));
        send.finish();
        const recv = present(await acceptor.acceptUni());
        expectSame(await readAll(recv), numbered(index));
      }
    }, 60_000);

    it("is given back the place of every stream, however it ended", async () => {
      const ends = suite.ends(side);
      const rounds = Math.min(limits.uni + 50, VERY_MANY);
      for (let index = 0; index < rounds; index++) {
        const { send, recv } = await uniPair(ends);
        if (index % 2 === 0) {
          send.reset(index);
          await readAll(recv).catch(() => {});
        } else {
          recv.stop(index);
          await send.stopped;
        }
      }
    }, 60_000);

    it(`has ${Math.min(MANY, limits.bidi)} bidirectional streams open at once`, async () => {
      const { opener, acceptor } = suite.ends(side);
      const count = Math.min(MANY, limits.bidi);
      const opened = [];
      for (let index = 0; index < count; index++) {
        const stream = await opener.openBidi();
        await stream.send.write(numbered(index));
        opened.push(stream);
      }
      for (let index = 0; index < count; index++) {
        const stream = present(await acceptor.acceptBidi());
        const question = await readAtLeast(stream.recv, 4);
        await stream.send.write(question);
        stream.send.finish();
        stream.recv.stop(0);
      }
      for (const [index, stream] of opened.entries()) {
        expectSame(await readAll(stream.recv), numbered(index));
      }
    });

    if (suite.expected.limits) {
      it("waits to open a stream beyond the peer's limit until one has ended", async () => {
        const ends = suite.ends(side);
        const quiet = await quietPeriod(ends);
        const streams: Awaited<ReturnType<typeof uniPair>>[] = [];
        for (let index = 0; index < limits.uni; index++) streams.push(await uniPair(ends));
        const opening = ends.opener.openUni();
        const state = watch(opening);
        await quiet();
        expect(state.settled).toBe(false);
        const [first] = streams;
        first?.send.finish();
        if (first) await readAll(first.recv);
        const send = await opening;
        await send.write(numbered(1));
        send.finish();
        expectSame(await readAll(present(await ends.acceptor.acceptUni())), numbered(1));
      });
    }
  });
}

/** Opens streams, writes to each and only then finishes and reads them. */
async function openAtOnce({ opener, acceptor }: Ends, count: number): Promise<void> {
  const sending: SendStream[] = [];
  for (let index = 0; index < count; index++) {
    const send = await opener.openUni();
    await send.write(numbered(index));
    sending.push(send);
  }
  const receiving = [];
  for (let index = 0; index < count; index++) {
    receiving.push(present(await acceptor.acceptUni()));
  }
  for (const send of sending) send.finish();
  const numbers = new Set<number>();
  for (const recv of receiving) numbers.add(Buffer.from(await readAll(recv)).readUInt32BE());
  expect(numbers.size).toBe(count);
  await Promise.all(sending.map((send) => send.finished));
}

function numbered(index: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(index);
  return bytes;
}
