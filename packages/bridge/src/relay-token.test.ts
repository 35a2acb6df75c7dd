import { MoqError, VirtualRuntime } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { RelayToken, tokenExpiry } from "./relay-token.js";

function jwt(claims: object): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
}

function setUp(secondsLeft: number) {
  const runtime = new VirtualRuntime();
  const lines: string[] = [];
  const say = (line: string) => lines.push(line);
  const at = (seconds: number) => jwt({ exp: runtime.wallClock() / 1000 + seconds });
  const file = { content: at(secondsLeft) as string | Error | undefined };
  const token = new RelayToken({
    runtime,
    log: { debug() {}, info: say, warn: say, error: say },
    read: async () => {
      if (file.content instanceof Error) throw file.content;
      return file.content;
    },
  });
  const stop = new AbortController();
  let renewedAt: number | undefined;
  const start = async () => {
    await token.take();
    token.renewed(stop.signal).then(
      () => {
        renewedAt = runtime.now();
      },
      () => undefined,
    );
  };
  return { runtime, lines, at, file, token, stop, start, renewedAt: () => renewedAt };
}

describe("RelayToken", () => {
  it("is renewed before its end once the file holds another", async () => {
    const { runtime, lines, at, file, start, renewedAt } = setUp(600);
    await start();
    await runtime.advance(100_000);
    file.content = at(1_200);
    await runtime.advance(439_000);
    expect(renewedAt()).toBeUndefined();
    await runtime.advance(2_000);
    expect(renewedAt()).toBe(540_000);
    expect(lines).toEqual([]);
    expect(runtime.pendingTimers).toBe(0);
  });

  it("of a short life is replaced in its second half", async () => {
    const { runtime, at, file, start, renewedAt } = setUp(4);
    await start();
    await runtime.advance(2_500);
    file.content = at(60);
    await runtime.advance(1_000);
    expect(renewedAt()).toBeLessThan(4_000);
  });

  it("that is not renewed is said once, and taken up as soon as it is", async () => {
    const { runtime, lines, at, file, start, renewedAt } = setUp(10);
    await start();
    file.content = new MoqError("token_unreadable", "there is no such file", { scope: "session" });
    await runtime.advance(30_000);
    file.content = at(-1);
    await runtime.advance(30_000);
    expect(lines).toEqual([
      expect.stringMatching(/^relay: the token expired at \S+ and there is no new one;/),
    ]);
    expect(renewedAt()).toBeUndefined();
    file.content = at(60);
    await runtime.advance(1_000);
    expect(renewedAt()).toBeDefined();
  });

  it.each([
    ["connect_http", 401, "answered 401", true],
    ["connect_http", 403, "answered 403", true],
    ["connect_http", 404, "answered 404", false],
    ["session_unauthorized", 2, "unauthorized", true],
    ["connect_refused", undefined, "relay: closed by peer: 0", true],
    ["connect_refused", undefined, "relay refused the connection", false],
  ])(
    "is named as a possible reason of %s %s, or not",
    async (code, wireCode, message, isReason) => {
      const { token, file, start, stop } = setUp(10);
      const error = new MoqError(code, message, {
        scope: "session",
        ...(wireCode === undefined ? {} : { wireCode }),
      });
      file.content = "opaque";
      await start();
      const suspected = isReason ? `${message}; it may not accept this token` : message;
      expect(token.explain(error)).toMatchObject({ code, message: suspected });
      file.content = undefined;
      await token.take();
      const missed = isReason ? `${message}; no token was given` : message;
      expect(token.explain(error)).toMatchObject({ code, message: missed });
      stop.abort();
    },
  );

  it("explains a refusal by its expiry only when it has expired", async () => {
    const { runtime, token, start, stop } = setUp(10);
    await start();
    const refused = new MoqError("connect_http", "answered 403", { scope: "session" });
    expect(token.explain(refused)).toBe(refused);
    await runtime.advance(10_000);
    expect(token.explain(refused)).toMatchObject({
      code: "token_expired",
      message: expect.stringMatching(/^answered 403; the token expired at \S+Z, give a new one$/),
    });
    stop.abort();
  });

  it("waits for nothing without an expiry, and lets go when aborted", async () => {
    const { runtime, token, file, start, stop, renewedAt } = setUp(10);
    file.content = "opaque";
    await start();
    expect(token.expiresAt).toBeUndefined();
    await runtime.advance(100_000);
    expect(runtime.pendingTimers).toBe(0);
    stop.abort();
    expect(renewedAt()).toBeUndefined();
  });

  it("may last longer than a timer can", async () => {
    const { runtime, at, file, start, stop, renewedAt } = setUp(60 * 86_400);
    await start();
    file.content = at(120 * 86_400);
    await runtime.advance(60 * 86_400_000);
    expect(renewedAt()).toBe(60 * 86_400_000 - 60_000);
    stop.abort();
  });
});

describe("tokenExpiry", () => {
  it.each([
    [jwt({ exp: 100 }), 100_000],
    [jwt({ exp: "100" }), undefined],
    [jwt({ exp: 1e300 }), undefined],
    [jwt({}), undefined],
    ["", undefined],
    ["a.b.c", undefined],
    ["opaque", undefined],
  ])("of %s is %s", (token, expected) => {
    expect(tokenExpiry(token)).toBe(expected);
  });
});
