import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readAddress, readAdminSettings } from "./admin-settings.js";

const folder = mkdtempSync(join(tmpdir(), "moq-bridge-admin-"));
const file = join(folder, "token");
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ["127.0.0.1:9090", "127.0.0.1", 9090],
  ["localhost:0", "localhost", 0],
  ["[::1]:80", "::1", 80],
])("reads %s", (text, host, port) => {
  expect(readAddress("--admin", text)).toEqual({ host, port });
});

it.each(["9090", "h:", "h:65536", "::1:80", "http://h:1", "u@h:1", "h:1/x", ""])(
  "refuses %j",
  (text) => {
    expect(() => readAddress("--admin", text)).toThrow("--admin must be HOST:PORT");
  },
);

it("needs a token beyond loopback, and a good one", () => {
  expect(() => readAdminSettings("0.0.0.0:1", undefined)).toThrow("needs --admin-token-file");
  expect(readAdminSettings("[::1]:1", undefined).token).toBeUndefined();
  writeFileSync(file, "short\n");
  expect(() => readAdminSettings("0.0.0.0:1", file)).toThrow("at least 16 characters");
  writeFileSync(file, "two words that are long\n");
  expect(() => readAdminSettings("0.0.0.0:1", file)).toThrow("must hold one token");
  writeFileSync(file, " 0123456789abcdef\n");
  expect(readAdminSettings("0.0.0.0:1", file)).toEqual({
    host: "0.0.0.0",
    port: 1,
    token: "0123456789abcdef",
  });
  expect(() => readAdminSettings("0.0.0.0:1", join(folder, "none"))).toThrow(
    "there is no such file",
  );
});
