import { expect, it } from "vitest";
import { readStreamFailure, streamError } from "./web-transport.js";

const named = (message: string, details = {}) =>
  Object.assign(new Error(message), { name: "WebTransportError", ...details });

it.each([
  ["the W3C's", named("x", { source: "stream", streamErrorCode: 7 }), { kind: "stream", code: 7 }],
  ["code 0", named("x", { source: "stream", streamErrorCode: 0 }), { kind: "stream", code: 0 }],
  ["a session's", named("x", { source: "session", streamErrorCode: null }), { kind: "session" }],
  ["a reset of @fails-components", named("Resetstream with code:42"), { kind: "stream", code: 42 }],
  ["a stop of @fails-components", named("StopSending with code:0"), { kind: "stream", code: 0 }],
  [
    "a session's end of @fails-components",
    named("Session closed (on process 7) with code 3 and reason x"),
    { kind: "session" },
  ],
  ["another error", new TypeError("x"), { kind: "stream", code: undefined }],
  ["no error", undefined, { kind: "stream", code: undefined }],
])("reads %s", (_what, error, failure) => {
  expect(readStreamFailure(error)).toEqual(failure);
});

it("makes an error that W3C implementations and @fails-components read the code of", () => {
  expect(streamError(7)).toMatchObject({
    name: "WebTransportError",
    source: "stream",
    streamErrorCode: 7,
    code: 7,
  });
});
