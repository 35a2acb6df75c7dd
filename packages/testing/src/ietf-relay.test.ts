import { expect, test } from "vitest";
import { listedIn } from "./ietf-relay.js";

test("a coordinator's file that is half written lists nothing yet", () => {
  const text = JSON.stringify({ namespaces: { "": { "/live/b": "relay", "/live/a": "relay" } } });
  expect(listedIn(text)).toEqual(["live/a", "live/b"]);
  for (let length = 1; length < text.length; length++) {
    expect(listedIn(text.slice(0, length))).toBeUndefined();
  }
});
