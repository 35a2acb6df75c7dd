import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MASK, Redactor } from "./redactor.js";

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

describe("without being told anything, the redactor", () => {
  const { redact } = { redact: (text: string) => new Redactor().redact(text) };

  it.each([
    [
      "connecting to https://relay.test/a?jwt=hunter2",
      "connecting to https://relay.test/a?[hidden]",
    ],
    ["wss://user:hunter2@relay.test/a/b", "wss://[hidden]@relay.test/a/b"],
    ["https://relay.test/#hunter2", "https://relay.test/#[hidden]"],
    ["/path?jwt=hunter2&x=1", "/path?jwt=[hidden]&x=1"],
    ["?JWT%3Dhunter2", "?JWT%3D[hidden]"],
    ['{"token":"hunter2"}', '{"token":"[hidden]"}'],
    ["access_token=hunter2;", "access_token=[hidden];"],
    ["authorization: Bearer hunter2", "authorization: [hidden]"],
    ['"authorization":"Basic hunter2=="', '"authorization":"[hidden]"'],
    [`the token ${jwt}.`, "the token [hidden]."],
    [`x${jwt}`, "[hidden]"],
    ["eyJhbGciOiJub25lIn0.e30.", "[hidden]."],
  ])("turns %j into %j", (text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  it.each([
    "meeting/abc is announced",
    "the relay token: there is no such file",
    "relay: connection lost: no answer in 6 s",
    "https://relay.test:4443/anon",
    "moq-relay-ietf 0.7.19 at 127.0.0.1:4443",
    "",
  ])("leaves %j alone", (text) => {
    expect(redact(text)).toBe(text);
  });

  it("takes out a JWT wherever it stands", () => {
    const part = fc.stringMatching(/^[\w-]{4,30}$/);
    fc.assert(
      fc.property(fc.string(), part, part, part, fc.string(), (before, a, b, c, after) => {
        const token = `eyJ${a}.${b}.${c}`;
        expect(redact(before + token + after)).not.toContain(token);
      }),
    );
  });

  it("takes time in proportion to the text", () => {
    for (const piece of ["eyJ", "a.", "http://", "jwt=", "authorization:", "%", "://@", "a"]) {
      const redacted = redact(piece.repeat(200_000));
      expect(redacted.length).toBeLessThanOrEqual(piece.length * 200_000 * 4);
    }
  });
});

describe("told of a secret, the redactor", () => {
  const secret = fc
    .string({ minLength: 4, maxLength: 60, unit: "binary" })
    .filter((text) => !MASK.includes(text));

  it("takes it out in every form, wherever it stands", () => {
    const parts = fc.array(fc.tuple(fc.string(), fc.nat(4)), { maxLength: 6 });
    fc.assert(
      fc.property(secret, parts, (token, pieces) => {
        const redactor = new Redactor();
        redactor.addSecret(token);
        const forms = [
          token,
          encodeURIComponent(token),
          JSON.stringify(token).slice(1, -1),
          new URLSearchParams({ jwt: token }).toString(),
          encodeURIComponent(token).replace(/%../g, (hex) => hex.toLowerCase()),
        ];
        const text = pieces.map(([between, form]) => between + forms[form]).join("");
        const redacted = redactor.redact(text);
        expect(redacted).not.toContain(token);
      }),
    );
  });

  it("takes out several that overlap or contain each other", () => {
    fc.assert(
      fc.property(secret, secret, fc.string(), (a, b, text) => {
        const redactor = new Redactor();
        for (const token of [a, a + b, b]) redactor.addSecret(token);
        const redacted = redactor.redact(`${a}${text}${a}${b}${text}${b}`);
        for (const token of [a, b, a + b]) expect(redacted).not.toContain(token);
      }),
    );
  });

  it("ignores one too short to be one", () => {
    const redactor = new Redactor();
    redactor.addSecret("a");
    redactor.addSecret("");
    expect(redactor.redact("a b a")).toBe("a b a");
  });
});

describe("told of a URL, the redactor", () => {
  it.each([
    ["https://relay.test/4f9a88c1d2", "4f9a88c1d2"],
    ["https://relay.test/live/averyverylongsecretword", "averyverylongsecretword"],
    ["https://relay.test/?jwt=hunter2", "hunter2"],
    ["https://relay.test/?jwt=hun%2Fter2", "hun/ter2"],
    ["https://user:hunter2@registry.test/", "hunter2"],
    ["https://user:hun%40ter2@registry.test/", "hun@ter2"],
  ])("hides the secret of %s everywhere", (url, secret) => {
    const redactor = new Redactor();
    redactor.addUrl(url);
    expect(redactor.redact(`peer said: ${secret}!`)).toBe(`peer said: ${MASK}!`);
  });

  it("hides its path where the whole URL is shown, and leaves its words elsewhere", () => {
    const redactor = new Redactor();
    redactor.addUrl("https://relay.test:4443/letmein");
    expect(redactor.redact("at https://relay.test:4443/letmein?x=1 now")).toBe(
      "at https://relay.test:4443/[hidden]?[hidden] now",
    );
    expect(redactor.redact("at wss://RELAY.test:4443/letmein/more")).toBe(
      "at wss://RELAY.test:4443/[hidden]",
    );
    expect(redactor.redact("https://relay.test:4443/ letmein")).toBe(
      "https://relay.test:4443/ letmein",
    );
  });

  it("does nothing with what is not a URL", () => {
    const redactor = new Redactor();
    redactor.addUrl("not a url");
    expect(redactor.redact("not a url")).toBe("not a url");
  });
});
