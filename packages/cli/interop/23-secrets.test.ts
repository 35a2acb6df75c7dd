import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BridgeProcess, freePort, type Scene } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { adminUrl } from "./admin-fixture.js";
import { startAuthority } from "./authority.js";
import { inScene, PATIENCE_MS } from "./fixture.js";
import { runCommand, startCommand } from "./run-command.js";

const SECRETS = {
  relayToken: "eyJhbGciOiJIUzI1NiJ9.eyJyb290IjoiIn0.c2VjcmV0LW9mLXRoZS1yZWxheQ",
  relayPath: "s3cretRelayPath9876543210",
  cloudflarePath: "s3cretPathToken0123456789",
  registryUser: "registry-user-secret",
  registryPassword: "registry-password-secret",
  registryQuery: "registry-query-secret",
  registryHeader: "registry-header-secret",
  registryWrite: "registry-write-secret",
  admin: "admin-token-secret-0123",
  signingKey: "c2lnbmluZy1rZXktc2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g",
};

const DEBUG = { DEBUG: "*" };

/** Both real relays and a registry, and every secret where a setting may have it. */
async function setUp(scene: Scene) {
  const [relay, ietf, registry] = await Promise.all([
    startAuthority(scene).then((authUrl) => scene.moqRelay({ authUrl })),
    scene.ietfRelay(),
    scene.registry(),
  ]);
  registry.list("live/none");
  const file = async (name: string, content: string | object) => {
    const path = join(scene.folder, name);
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  };
  const registryUrl = new URL(registry.url);
  registryUrl.username = SECRETS.registryUser;
  registryUrl.password = SECRETS.registryPassword;
  registryUrl.searchParams.set("key", SECRETS.registryQuery);
  const headersFile = await file("headers", `Authorization: Bearer ${SECRETS.registryHeader}\n`);
  const urls = {
    relayUrl: new URL(SECRETS.relayPath, relay.wsUrl).href,
    cloudflareUrl: new URL(SECRETS.cloudflarePath, ietf.url).href,
    registryUrl: registryUrl.href,
  };
  const files = {
    relayToken: await file("relay-token", SECRETS.relayToken),
    admin: await file("admin-token", SECRETS.admin),
    write: await file("write-token", SECRETS.registryWrite),
    mapping: await file("mapping", { headersFile }),
    key: await file("key", { alg: "HS256", kty: "oct", k: SECRETS.signingKey }),
  };
  const { ca } = scene.certificate.files;
  const settings = {
    relayUrl: urls.relayUrl,
    cloudflareUrl: urls.cloudflareUrl,
    registryUrl: [urls.registryUrl],
    // Which is no registry.
    registryFile: [files.relayToken],
    relayTokenFile: files.relayToken,
    cloudflareTlsCa: ca,
    registryMapping: [files.mapping],
    registryWriteTokenFile: files.write,
    pollInterval: 0.2,
    admin: "127.0.0.1:0",
    adminTokenFile: files.admin,
    logLevel: "trace",
  };
  const config = await file("config.json", settings);
  const misspelt = await file("misspelt.json", { ...settings, relayTokn: SECRETS.relayToken });
  const wrong = await file("wrong.json", { ...settings, relayTokenFile: [SECRETS.relayToken] });
  const broken = await file("broken.json", `{ "relayToken": "${SECRETS.relayToken}" `);
  const configs = { config, misspelt, wrong, broken };
  return { relay, ietf, registry, urls, files, configs, ca };
}

/** What every path of the admin server answers to the right, a wrong and no token. */
async function adminAnswers(url: string): Promise<string[]> {
  const answers: string[] = [];
  for (const path of ["/", "/status", "/metrics", "/history", "/readyz", "/healthz", "/none"]) {
    for (const token of [SECRETS.admin, `${SECRETS.admin}x`, undefined]) {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(`${url}${path}`, { headers });
      answers.push(await response.text(), JSON.stringify([...response.headers]));
    }
  }
  return answers;
}

/** Every command, well and ill used, with what may be secret in each place it may be in. */
function commands({ urls, files, configs, ca }: Awaited<ReturnType<typeof setUp>>, admin: string) {
  const relayWithToken = `${urls.relayUrl}?jwt=${SECRETS.relayToken}`;
  const draft14 = ["--dialect", "draft-14", "--tls-ca", ca];
  const status = ["status", "--admin", admin, "--admin-token-file"];
  const run = [
    ...["run", "--relay-url", urls.relayUrl, "--cloudflare-url", urls.cloudflareUrl],
    ...["--registry-url", urls.registryUrl],
  ];
  return [
    [...status, files.admin],
    [...status, files.admin, "--json"],
    [...status, files.relayToken],
    ["doctor", "--config", configs.config],
    ["doctor", "--config", configs.config, "--cloudflare-url", `${urls.cloudflareUrl}x`],
    ["doctor", "--config", configs.config, "--relay-url", `${relayWithToken}x`],
    ["doctor", "--relay-token", SECRETS.relayToken],
    ["list", relayWithToken],
    ["list", urls.relayUrl, "--token-file", files.relayToken],
    ["list", `http://${SECRETS.cloudflarePath}`],
    ["sub", urls.cloudflareUrl, "no", "no", ...draft14],
    ["sub", relayWithToken, "no", "no", SECRETS.cloudflarePath],
    ["pub", relayWithToken, "a", "b"],
    ["pub", urls.cloudflareUrl, "a", "b", ...draft14],
    ["interop", "--relay", urls.cloudflareUrl, "--test", "setup-only"],
    ["interop", "--relay", urls.cloudflareUrl, "--tls-disable-verify", "--verbose"],
    ["relay", "--dialect", "draft-14", "--auth-key-file", files.key],
    ["relay", "--dialect", "moq-lite", "--auth-key-file", files.relayToken],
    [...run, "--relay-token", SECRETS.relayToken, "--relay-token-file", files.relayToken],
    [...run, "--relay-token", SECRETS.relayToken, "--cloudflare-tls-insecure", "--direction", "x"],
    [...run, "--registry-mapping", files.relayToken],
    ["run", "--relay-tokn", SECRETS.relayToken],
    ["run", `--relay-tokn=${SECRETS.relayToken}`],
    ...Object.values(configs)
      .slice(1)
      .map((file) => ["run", "--config", file]),
  ];
}

/** What a command that has to work wrote. */
async function worked(args: readonly string[]): Promise<string[]> {
  const { code, out, error } = await runCommand(args, DEBUG);
  expect(code, error).toBe(0);
  return [out, error];
}

const DEMO = ["demo", "--duration", "2", "--log-level", "trace"];

/** A relay of ours that checks tokens, and what it says of a client with a good and one with a bad token. */
async function embeddedRelay(keyFile: string): Promise<string[]> {
  const address = `127.0.0.1:${await freePort()}`;
  const args = ["relay", "--dialect", "moq-lite", "--listen", address, "--auth-key-file", keyFile];
  const relay = startCommand(args, DEBUG);
  await relay.wrote(/WebSocket: ws:/);
  const url = `ws://${address}/${SECRETS.relayPath}?jwt=${SECRETS.relayToken}`;
  const refused = await runCommand(["list", url], DEBUG);
  expect(refused.code).toBe(1);
  relay.kill();
  const { out, error } = await relay.ended;
  return [out, error, refused.out, refused.error];
}

/** The arguments that everybody on the machine can see. */
function commandLine({ process }: BridgeProcess): Promise<string> {
  return readFile(`/proc/${process.pid}/cmdline`, "utf8");
}

test("23. no secret is in any output of any command, whatever is logged", () =>
  inScene("23 secrets", async (scene) => {
    const parts = await setUp(scene);
    const { relay, ietf, registry, urls, configs, files } = parts;
    const registries = ["--registry-url", urls.registryUrl, "--registry-file", files.relayToken];
    const bridge = await scene.bridge({
      args: ["run", "--config", configs.config, ...registries],
      env: DEBUG,
    });
    const url = await adminUrl(bridge);
    await bridge.process.waitForLine(/shown on the relay/, { timeoutMs: PATIENCE_MS });
    await bridge.process.waitForLine(/registry: \S+relay-token.*JSON/, { timeoutMs: PATIENCE_MS });
    const outputs = [await commandLine(bridge), ...(await adminAnswers(url))];
    for (const args of commands(parts, new URL(url).host)) {
      const { out, error } = await runCommand(args, DEBUG);
      outputs.push(out, error);
    }
    const more = await Promise.all([
      embeddedRelay(files.key),
      worked([...DEMO, "--admin", "127.0.0.1:0"]),
      worked([...DEMO, "--web"]),
      worked(["config-schema"]),
    ]);
    outputs.push(...more.flat());
    // And when nothing answers any more.
    await Promise.all([relay.kill(), ietf.kill(), registry.stop()]);
    await bridge.process.waitForLine(/registry: .*ECONNREFUSED/, { timeoutMs: PATIENCE_MS });
    outputs.push(...(await adminAnswers(url)));
    const sick = await runCommand(["doctor", "--config", configs.config], DEBUG);
    outputs.push(sick.out, sick.error);
    expect(sick.code).toBe(1);
    await bridge.stop();
    outputs.push(bridge.text);

    expect(bridge.text).toMatch(/ trace .*name=moq:lite/);
    for (const [name, secret] of Object.entries(SECRETS)) {
      const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")];
      for (const form of forms) {
        const found = outputs.find((output) => output.includes(form));
        expect(found, `the ${name} secret is in an output`).toBeUndefined();
      }
    }
    // Those that the demo made for itself.
    expect(outputs.find((output) => /eyJ[\w-]+\.[\w-]/.test(output))).toBeUndefined();
  }));
