import { expect, test } from "vitest";
import { sessionEnd } from "./session-end.js";

test.each([
  [0x15, "", "the peer closed the session with code 21 (version negotiation failed)"],
  [0x3, "bad varint", "the peer closed the session with code 3 (protocol violation): bad varint"],
  [0x4d2, "bye", "the peer closed the session with code 1234: bye"],
])(
  "a close with %i and %j is said by the draft's name and the peer's reason",
  (code, reason, message) => {
    const { by, error } = sessionEnd({ by: "peer", code, reason }, undefined);
    expect(by).toBe("peer");
    expect(error).toMatchObject({ code: "closed_by_peer", wireCode: code, message });
  },
);

test("of a lost connection the transport's reason is said, in one line", () => {
  const { error } = sessionEnd(
    { by: "transport", code: undefined, reason: "timed\nout" },
    undefined,
  );
  expect(error).toMatchObject({
    code: "connection_lost",
    message: "the connection was lost: timed out",
  });
});
