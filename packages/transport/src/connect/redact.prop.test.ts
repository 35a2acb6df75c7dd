import fc from "fast-check";
import { expect, it } from "vitest";
import { carriesToken, redactUrl } from "./redact.js";

const secret = fc.stringMatching(/^[A-Za-z0-9_-]{12}[0-9][a-z][A-Za-z0-9_-]{12}$/);

it("never shows a secret, wherever in the URL it is", () => {
  fc.assert(
    fc.property(
      secret,
      fc.constantFrom(
        (s: string) => `?jwt=${s}`,
        (s: string) => `?a=1&jwt=${s}&b=2`,
        (s: string) => `?${s}`,
        (s: string) => `?${s}=1`,
        (s: string) => `?jwt=${s}=${s}`,
        (s: string) => s,
        (s: string) => `room/${s}/x`,
      ),
      (hidden, place) => {
        const url = `wss://relay.example/${place(hidden)}`;
        expect(redactUrl(url)).not.toContain(hidden);
        expect(carriesToken(new URL(url))).toBe(true);
      },
    ),
  );
});
