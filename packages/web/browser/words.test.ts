import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { freePort, type IetfRelay, type MoqRelay, Scene } from "@moq-bridge/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Chromium } from "./support/chromium.js";
import { servePage } from "./support/page-server.js";
import { Tab } from "./support/tab.js";

const PATIENCE_MS = 10_000;

let scene: Scene;
let relay: MoqRelay;
let strictRelay: MoqRelay;
let cloudflare: IetfRelay;
let chromium: Chromium;
let pageUrl: string;

beforeAll(async () => {
  scene = await Scene.create("browser words");
  const closedPort = new URL(`http://127.0.0.1:${await freePort()}`);
  const page = await servePage(closedPort);
  scene.onEnd(() => page.close());
  pageUrl = page.url;
  relay = await scene.moqRelay();
  strictRelay = await scene.moqRelay({ name: "strict-moq-relay", authUrl: await refuseAll() });
  cloudflare = await scene.ietfRelay();
  chromium = await Chromium.start(["--use-fake-device-for-media-stream"]);
  scene.onEnd(() => chromium.stop());
});

afterAll(() => scene.end());

/** An authority that lets nobody in. */
async function refuseAll(): Promise<string> {
  const server = createServer((_, response) => response.writeHead(401).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  scene.onEnd(async () => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Opens the page in a tab of its own, which starts at once. */
async function openPage(
  fields: Readonly<Record<string, string>>,
  without: readonly string[] = [],
): Promise<Tab> {
  const tab = await chromium.newTab(without);
  const defaults = { role: "watch", side: "relay", url: relay.wsUrl, name: "demo/words" };
  await tab.open(`${pageUrl}/?${new URLSearchParams({ ...defaults, ...fields, start: "" })}`);
  return new Tab(tab);
}

test.each([
  [
    "an old browser",
    {},
    ["VideoDecoder", "AudioDecoder"],
    "This browser is too old for this page: it has no VideoDecoder and no AudioDecoder (WebCodecs).",
  ],
  [
    "an old browser that shall publish",
    { role: "publish" },
    ["AudioEncoder"],
    "This browser cannot encode Opus, so it can only watch.",
  ],
  [
    "no WebTransport",
    { side: "cloudflare", url: "https://127.0.0.1:1/" },
    ["WebTransport"],
    "This browser has no WebTransport. Use the relay over WebSocket instead.",
  ],
  [
    "an address that is none",
    { url: "relay.example" },
    [],
    "The server’s address must begin with wss:// or ws:// or https:// or http://.",
  ],
  [
    "a fingerprint that is none",
    { side: "cloudflare", url: "https://127.0.0.1:1/", fingerprint: "abc" },
    [],
    "The certificate's fingerprint must be 64 hex digits.",
  ],
  [
    "a camera that may not be used",
    { role: "publish", source: "camera" },
    [],
    "This page may not use the camera and the microphone. The test picture needs neither.",
  ],
  ["no name", { name: " " }, [], "Say the stream's name."],
])("%s is said", async (_, fields, without, words) => {
  const tab = await openPage(fields, without);
  await tab.isIn("failed", PATIENCE_MS);
  expect(await tab.words()).toBe(words);
});

test("a relay that is down is said, and left behind once it runs", async () => {
  await relay.kill();
  const tab = await openPage({});
  const { host } = new URL(relay.wsUrl);
  const down = `Connecting. ${host} cannot be reached, or refuses the address, its token or the certificate.`;
  await tab.until(async () => (await tab.words()) === down, "the words", PATIENCE_MS);
  await relay.start();
  await tab.saysInWords(/^Connected\. The stream has not begun\.$/, PATIENCE_MS);
});

test("a token that is refused is said, and not shown", async () => {
  const tab = await openPage({ url: `${strictRelay.wsUrl}?jwt=hunter2` });
  await tab.saysInWords(/refuses the address, its token or the certificate\.$/, PATIENCE_MS);
  expect(await tab.browser.evaluate("document.body.innerText")).not.toContain("hunter2");
  const readable = `[...document.querySelectorAll("input:not([type=password])")].map((input) => input.value)`;
  expect(String(await tab.browser.evaluate(readable))).not.toContain("hunter2");
  expect(await tab.browser.evaluate(`document.querySelector("[name=token]").value`)).toBe(
    "hunter2",
  );
});

test("a certificate other than the expected one is said", async () => {
  const { url } = cloudflare;
  const tab = await openPage({ side: "cloudflare", url, fingerprint: "00".repeat(32) });
  await tab.saysInWords(/refuses the address, its token or the certificate\.$/, PATIENCE_MS);
});

test("a registry that cannot be told is said, and the stream goes on", async () => {
  const tab = await openPage({ role: "publish", registry: "/api/stats/" });
  await tab.saysInWords(/^Publishing\. The registry was not told: /, PATIENCE_MS);
  expect(await tab.state()).toBe("publishing");
});

test("what is published on Cloudflare's side and told to no registry is said to be unlisted", async () => {
  const { url } = cloudflare;
  const { fingerprint } = scene.certificate;
  const tab = await openPage({ role: "publish", side: "cloudflare", url, fingerprint });
  await tab.saysInWords(
    /^Publishing\. No registry is told of it, so the bridge may not carry it\.$/,
    PATIENCE_MS,
  );
});

test("stopping by the keyboard leaves the focus on Start, which starts again", async () => {
  const tab = await openPage({ role: "publish" });
  await tab.isIn("publishing", PATIENCE_MS);
  await tab.browser.evaluate(`document.getElementById("stop").focus()`);
  const { keyboard } = (tab.browser as Chromium).page;
  await keyboard.press("Enter");
  expect(await tab.words()).toBe("Stopped.");
  await keyboard.press("Enter");
  await tab.isIn("publishing", PATIENCE_MS);
});

test("a page that the browser puts away has stopped, and says so when it is shown again", async () => {
  const tab = await openPage({ role: "publish" });
  await tab.isIn("publishing", PATIENCE_MS);
  await tab.browser.evaluate(`dispatchEvent(new PageTransitionEvent("pagehide"))`);
  expect(await tab.words()).toBe("Stopped.");
});
