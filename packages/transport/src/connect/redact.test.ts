import { MoqError } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { carriesToken, redactUrl, withoutSecrets } from "./redact.js";

const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb290IjoiIn0.c2lnbmF0dXJl";

describe("redactUrl", () => {
  it.each([
    ["https://relay.example:4443/room/one", "https://relay.example:4443/room/one"],
    [`https://relay.example/room?jwt=${JWT}`, "https://relay.example/room?jwt=…"],
    ["https://relay.example/?a=1&secret&b=2", "https://relay.example/?a=…&…&b=…"],
    [`https://relay.example/${JWT}/room`, "https://relay.example/…/room"],
    [
      "https://draft-16.cloudflare.mediaoverquic.com/0123456789abcdef0123456789abcdef",
      "https://draft-16.cloudflare.mediaoverquic.com/…",
    ],
    ["wss://user:word@relay.example/", "wss://…@relay.example/"],
    [`ws://relay.example/#${JWT}`, "ws://relay.example/"],
    ["moqt://relay.example/room", "moqt://relay.example/room"],
    [`no url ?jwt=${JWT}`, "(not a URL)"],
  ])("shows %s as %s", (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });
});

describe("carriesToken", () => {
  it.each([
    ["ws://relay.example/room/one", false],
    ["ws://relay.example/room?", false],
    ["ws://relay.example/room?jwt=", false],
    ["ws://relay.example/room?jwt=x", true],
    ["ws://relay.example/room?x", true],
    ["ws://user@relay.example/room", true],
    [`ws://relay.example/${JWT}`, true],
  ])("says of %s: %s", (url, carries) => {
    expect(carriesToken(new URL(url))).toBe(carries);
  });
});

describe("withoutSecrets", () => {
  const url = new URL(`https://relay.example/room?jwt=${JWT}%20x`);

  it("leaves an error alone that shows nothing", () => {
    const error = new MoqError("connect_http", "relay.example answered 401", {
      scope: "session",
      wireCode: 401,
      cause: new Error("Unauthorized"),
    });
    expect(withoutSecrets(error, url)).toBe(error);
  });

  it.each([`${JWT}%20x`, `${JWT} x`])("hides a secret as written or decoded: %s", (secret) => {
    const error = new MoqError("connect_http", `GET /?jwt=${secret} failed`, {
      scope: "session",
      wireCode: 401,
    });
    const shown = withoutSecrets(error, url);
    expect(shown.message).toBe("GET /?jwt=… failed");
    expect(shown).toMatchObject({ code: "connect_http", scope: "session", wireCode: 401 });
  });

  it("drops a cause that shows one", () => {
    const inner = new AggregateError([new Error(`bad URL ${url.href}`)], "several");
    const cause = new Error("failed", { cause: inner });
    const error = new MoqError("connect_refused", "refused", { scope: "session", cause });
    expect(withoutSecrets(error, url).cause).toBeUndefined();
  });
});
