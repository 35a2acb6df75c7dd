import type { Logger } from "@moq-bridge/bridge";
import { expect, test } from "vitest";
import { runDemo } from "./run-demo.js";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

test.each([
  ["WebTransport where QUIC loads", true],
  ["WebSocket alone", false],
])("carries both ways over %s without losing or altering a byte", async (_, quic) => {
  let text = "";
  const ok = await runDemo({
    log: silent,
    quic,
    durationMs: 3_500,
    kill: false,
    terminalColumns: () => undefined,
    write: (part) => {
      text += part;
    },
    stopRequested: new Promise(() => {}),
  });
  expect(text).toContain("both directions carried everything unaltered");
  expect(ok).toBe(true);
  const lines = text.split("\n").filter((line) => / s {2}relay → cloudflare/.test(line));
  expect(lines.length).toBeGreaterThanOrEqual(2);
});
