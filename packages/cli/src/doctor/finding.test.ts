import { expect, it } from "vitest";
import { findingsText } from "./finding.js";

it("is a line for each finding, in which a peer's words steer no terminal", () => {
  const text = findingsText([
    { verdict: "ok", subject: "QUIC", text: "loads" },
    { verdict: "fail", subject: "relay", text: "closed by peer: \u001b[2J\nok  relay" },
  ]);
  expect(text).toBe(
    "ok    QUIC   loads\nfail  relay  closed by peer: \u{fffd}[2J\u{fffd}ok  relay\n",
  );
});
