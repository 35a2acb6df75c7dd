import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../cli.js";
import { checkNode } from "../doctor/environment.js";

const folder = mkdtempSync(join(tmpdir(), "moq-bridge-doctor-"));
const registry = createServer((_, response) => {
  response.end(JSON.stringify({ broadcasts: [{ stream_id: "a/b", origin: "cloudflare" }] }));
});
let registryUrl = "";
let closed = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  registryUrl = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`;
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
  closed = `127.0.0.1:${(gone.address() as AddressInfo).port}`;
  await new Promise((resolve) => gone.close(resolve));
});
afterAll(() => registry.close());

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function doctor(...args: string[]): Promise<{ code: number; out: string }> {
  let out = "";
  const code = await runCli({
    args: ["doctor", ...args],
    environment: {},
    wallClock: Date.now,
    writeOut: (text) => {
      out += text;
    },
    writeError: () => {},
    writeBytes: () => {},
    input: (async function* () {})(),
    stopRequested: new Promise(() => {}),
    onUncaught: () => {},
  });
  return { code, out };
}

/** Nobody listens on either side. */
const sides = () => ["--relay-url", `ws://${closed}`, "--cloudflare-url", `https://${closed}`];

test("without settings it tells of this machine, says what is missing, and ends with 2", async () => {
  const { code, out } = await doctor();
  expect(code).toBe(2);
  expect(out).toMatch(/^ok {4}Node\.js +\d+\.\d+\.\d+$/m);
  expect(out).toMatch(/^ok {4}system +\w+ \w+/m);
  expect(out).toMatch(/^(ok {2}|note) {2}QUIC /m);
  expect(out).toMatch(/^fail {2}settings +give --relay-url <url>/m);
});

test.concurrent("it ends with 1 where a side does not answer, and says what of the rest works", async () => {
  const expired = `x.${Buffer.from('{"exp":1}').toString("base64url")}.x`;
  const tokenFile = file("token", expired);
  const args = [...sides(), "--registry-url", registryUrl, "--relay-token-file", tokenFile];
  const { code, out } = await doctor(...args);
  expect(code).toBe(1);
  expect(out).toMatch(/^fail {2}token +expired at 1970-01-01T00:00:01.000Z; get a new one$/m);
  expect(out).toMatch(/^fail {2}relay +127\.0\.0\.1:\d+ refused the connection$/m);
  expect(out).toMatch(/^fail {2}cloudflare +\S/m);
  expect(out).toMatch(/^ok {4}registry +http:\/\/127\.0\.0\.1:\d+: 1 live on Cloudflare$/m);
  expect(out).not.toContain(expired);
});

test.concurrent("it finds what run would not start with: token files of registries, and mappings that do not fit", async () => {
  const none = join(folder, "none");
  const url = ["--registry-url", registryUrl];
  const mapping = file("mapping.json", JSON.stringify({ path: "{slug}" }));
  const [unreadable, misfit] = await Promise.all([
    doctor(...sides(), ...url, "--registry-write-token-file", none),
    doctor(...sides(), ...url, "--registry-mapping", mapping),
  ]);
  expect(unreadable.code).toBe(1);
  expect(unreadable.out).toMatch(
    /^fail {2}settings +--registry-write-token-file: .*no such file$/m,
  );
  expect(misfit.code).toBe(1);
  expect(misfit.out).toMatch(/^fail {2}settings +.*--registry-mapping/m);
});

test.concurrent("it says whether the admin server could listen", async () => {
  const admin = (address: string) => doctor(...sides(), "--stream", "a", "--admin", address);
  const [free, taken] = await Promise.all([admin("127.0.0.1:0"), admin(new URL(registryUrl).host)]);
  expect(free.out).toMatch(/^ok {4}admin +127\.0\.0\.1:0 is free$/m);
  expect(taken.code).toBe(1);
  expect(taken.out).toMatch(
    /^fail {2}admin +--admin: cannot listen on 127\.0\.0\.1 port \d+: another program listens there$/m,
  );
});

test.each([
  ["20.18.3", "fail"],
  ["20.19.0", "ok"],
  ["22.1.0", "ok"],
  ["18.20.0", "fail"],
])("Node.js %s is %s", (version, verdict) => {
  expect(checkNode(version).verdict).toBe(verdict);
});
