import { describe, expect, it } from "vitest";
import type { TransportSession } from "../transport.js";
import {
  bidiPair,
  blockWriter,
  errorOf,
  expectSame,
  pattern,
  present,
  quietPeriod,
  readAll,
  type Suite,
  turnOfEventLoop,
  uniPair,
  watch,
} from "./subject.js";

const SESSION_CLOSED = { name: "MoqError", code: "session_closed" };

/** What a session says of itself, datagrams, and how it ends. */
export function sessionTests(suite: Suite): void {
  describe("session", () => {
    it("says which side it is, and what was negotiated", () => {
      const { client, server } = suite.subject();
      expect(client.side).toBe("client");
      expect(server.side).toBe("server");
      expect(client.protocol).toBe(suite.expected.protocol);
      expect(server.protocol).toBe(suite.expected.protocol);
      expect(client.path).toBeUndefined();
      if (suite.expected.path !== undefined) expect(server.path).toBe(suite.expected.path);
    });
  });

  describe.each(["client", "server"] as const)("datagrams of the %s", (side) => {
    it("arrive whole, or are declared impossible", async () => {
      const { opener, acceptor } = suite.ends(side);
      expect(opener.maxDatagramSize > 0).toBe(opener.capabilities.datagrams);
      const reading = acceptor.readDatagram();
      const arrival = watch(reading);
      if (!opener.capabilities.datagrams) {
        opener.sendDatagram(pattern(10));
        await (await quietPeriod(suite.ends(side)))();
        expect(arrival.settled).toBe(false);
        opener.close(0, "");
        expect(await reading).toBeUndefined();
        return;
      }
      // Any of them may be lost, so it is sent until one is there.
      const payload = pattern(Math.min(1_000, opener.maxDatagramSize));
      while (!arrival.settled) {
        opener.sendDatagram(payload);
        await turnOfEventLoop();
      }
      expectSame(present(await reading), payload);
    });

    it("are dropped when too large, and streams go on", async () => {
      const ends = suite.ends(side);
      ends.opener.sendDatagram(pattern(ends.opener.maxDatagramSize + 1));
      ends.opener.sendDatagram(pattern(1_000_000));
      const { send, recv } = await uniPair(ends);
      send.finish();
      expect(await recv.read()).toBeUndefined();
    });
  });

  describe.each(["client", "server"] as const)("closed by the %s", (side) => {
    it.each([
      [0, ""],
      [1, "done"],
      [42, "größer als erlaubt"],
      [4_294_967_295, "x".repeat(500)],
    ])("tells both sides code %d and the reason", async (code, reason) => {
      const { opener, acceptor } = suite.ends(side);
      opener.close(code, reason);
      opener.close(code === 0 ? 1 : 0, "a second call does not count");
      expect(await opener.closed).toEqual({ code, reason, by: "local" });
      expect(await acceptor.closed).toEqual({ code, reason, by: "peer" });
      acceptor.close(77, "too late");
      expect(await acceptor.closed).toEqual({ code, reason, by: "peer" });
    });

    it("ends everything that is pending on both sides", async () => {
      const { opener, acceptor } = suite.ends(side);
      const { near, far } = await bidiPair({ opener, acceptor });
      const pending = [...pendingOf(opener, near), ...pendingOf(acceptor, far)];
      opener.close(5, "enough");
      await Promise.all(pending.map((check) => check()));
      await Promise.all([opener.closed, acceptor.closed]);
    });

    it("ends a stream that was opened and never used", async () => {
      const { opener, acceptor } = suite.ends(side);
      const unused = await opener.openUni();
      unused.setPriority(1);
      const failed = errorOf(unused.finished);
      acceptor.close(6, "");
      expect(await failed).toMatchObject(SESSION_CLOSED);
      expect(await unused.stopped).toBeUndefined();
    });

    it("ends a blocked write", async () => {
      const ends = suite.ends(side);
      const quiet = await quietPeriod(ends);
      const { send } = await uniPair(ends);
      const { blocked } = await blockWriter(send, quiet);
      const failed = errorOf(blocked);
      ends.opener.close(6, "");
      expect(await failed).toMatchObject(SESSION_CLOSED);
      expect(await errorOf(send.finished)).toMatchObject(SESSION_CLOSED);
    });

    it("ends the peer's blocked write", async () => {
      const ends = suite.ends(side);
      const quiet = await quietPeriod(ends);
      const { send } = await uniPair(ends);
      const { blocked } = await blockWriter(send, quiet);
      const failed = errorOf(blocked);
      ends.acceptor.close(6, "");
      expect(await failed).toMatchObject(SESSION_CLOSED);
    });

    it("refuses to go on afterwards, without hanging or throwing elsewhere", async () => {
      const { opener, acceptor } = suite.ends(side);
      const { send, recv } = await uniPair({ opener, acceptor });
      opener.close(1, "");
      await Promise.all([opener.closed, acceptor.closed]);
      for (const session of [opener, acceptor]) {
        expect(await errorOf(session.openUni())).toMatchObject(SESSION_CLOSED);
        expect(await errorOf(session.openBidi())).toMatchObject(SESSION_CLOSED);
        expect(await session.acceptUni()).toBeUndefined();
        expect(await session.acceptBidi()).toBeUndefined();
        expect(await session.readDatagram()).toBeUndefined();
        session.sendDatagram(pattern(10));
      }
      expect(await errorOf(send.write(pattern(10)))).toMatchObject(SESSION_CLOSED);
      expect(await errorOf(recv.read())).toMatchObject(SESSION_CLOSED);
      send.finish();
      send.reset(1);
      recv.stop(1);
    });

    const { limits } = suite.expected;
    if (limits) {
      it("ends an open that waits for the peer's limit", async () => {
        const ends = suite.ends(side);
        for (let left = limits.uni; left > 0; left--) await uniPair(ends);
        const opening = errorOf(ends.opener.openUni());
        ends.opener.close(1, "");
        expect(await opening).toMatchObject(SESSION_CLOSED);
      });
    }

    it("keeps a stream that had ended before as it was", async () => {
      const { opener, acceptor } = suite.ends(side);
      const { send, recv } = await uniPair({ opener, acceptor });
      send.finish();
      expect((await readAll(recv)).byteLength).toBe(0);
      await send.finished;
      opener.close(1, "");
      await acceptor.closed;
      await send.finished;
      expect(await send.stopped).toBeUndefined();
    });
  });

  describe("lost without a close", () => {
    it("ends both sides by the transport, with everything pending", async () => {
      const { client, server, cut } = suite.subject();
      const { near, far } = await bidiPair({ opener: client, acceptor: server });
      const checks = new Map([
        [client, pendingOf(client, near)],
        [server, pendingOf(server, far)],
      ]);
      for (const session of await cut()) {
        const end = await session.closed;
        expect(end.by).toBe("transport");
        expect(end.code).toBeUndefined();
        await Promise.all((checks.get(session) ?? []).map((check) => check()));
        expect(await errorOf(session.openUni())).toMatchObject(SESSION_CLOSED);
      }
    }, 30_000);
  });
}

/** Starts everything that can be pending on a session; each check awaits how it ended. */
function pendingOf(
  session: TransportSession,
  stream: Awaited<ReturnType<typeof bidiPair>>["near"],
): (() => Promise<void>)[] {
  const accepts = [session.acceptUni(), session.acceptBidi(), session.readDatagram()];
  const failing = [errorOf(stream.recv.read()), errorOf(stream.send.finished)];
  return [
    ...accepts.map((accept) => async () => {
      expect(await accept).toBeUndefined();
    }),
    ...failing.map((error) => async () => {
      expect(await error).toMatchObject(SESSION_CLOSED);
    }),
    async () => {
      expect(await stream.send.stopped).toBeUndefined();
    },
  ];
}
