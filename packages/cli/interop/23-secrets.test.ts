import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { adminUrl } from "./admin-fixture.js";
import { startAuthority } from "./authority.js";
import { inScene, PATIENCE_MS } from "./fixture.js";
import { runCommand } from "./run-command.js";

const SECRETS = {
  relay: "eyJhbGciOiJIUzI1NiJ9.eyJyb290IjoiIn0.c2VjcmV0LW9mLXRoZS1yZWxheQ",
  path: "s3cretPathToken0123456789",
  registryUser: "registry-user-secret",
  registryPassword: "registry-password-secret",
  registryQuery: "registry-query-secret",
  admin: "admin-token-secret-0123",
};

test("23. no secret is in any output of any command, whatever is logged", () =>
  inScene("23 secrets", async (scene) => {
    const [relay, ietf, registry] = await Promise.all([
      startAuthority(scene).then((authUrl) => scene.moqRelay({ authUrl })),
      scene.ietfRelay(),
      scene.registry(),
    ]);
    const { ca } = scene.certificate.files;
    const tokenFile = join(scene.folder, "relay-token");
    const adminFile = join(scene.folder, "admin-token");
    const configFile = join(scene.folder, "config.json");
    await writeFile(tokenFile, SECRETS.relay);
    await writeFile(adminFile, SECRETS.admin);
    const registryUrl = new URL(registry.url);
    registryUrl.username = SECRETS.registryUser;
    registryUrl.password = SECRETS.registryPassword;
    registryUrl.searchParams.set("key", SECRETS.registryQuery);
    const cloudflareUrl = new URL(SECRETS.path, ietf.url).href;
    const settings = {
      relayUrl: relay.wsUrl,
      cloudflareUrl,
      registryUrl: [registryUrl.href],
      relayTokenFile: tokenFile,
      cloudflareTlsCa: ca,
      pollInterval: 0.2,
      admin: "127.0.0.1:0",
      adminTokenFile: adminFile,
      logLevel: "debug",
    };
    await writeFile(configFile, JSON.stringify(settings));
    registry.list("live/none");
    const bridge = await scene.bridge({
      args: ["--config", configFile],
      env: { DEBUG: "*" },
    });
    const url = await adminUrl(bridge);
    await bridge.process.waitForLine(/shown on the relay/, { timeoutMs: PATIENCE_MS });
    const outputs: string[] = [];
    const ask = async (path: string, authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization };
      const response = await fetch(`${url}${path}`, { headers });
      outputs.push(await response.text(), JSON.stringify([...response.headers]));
    };
    const shown = `Bearer ${SECRETS.admin}`;
    for (const path of ["/", "/status", "/metrics", "/history", "/readyz", "/none"]) {
      await ask(path, shown);
      await ask(path, `${shown}x`);
      await ask(path);
    }
    const admin = ["--admin", new URL(url).host, "--admin-token-file"];
    const relayWithToken = `${relay.wsUrl}?jwt=${SECRETS.relay}`;
    const tools = ["--dialect", "draft-14", "--tls-ca", ca];
    const bothUrls = [
      ...["--relay-url", relay.wsUrl, "--cloudflare-url", cloudflareUrl],
      ...["--registry-url", registryUrl.href],
    ];
    const debug = { DEBUG: "*" };
    const commands = [
      ["status", ...admin, adminFile],
      ["status", ...admin, adminFile, "--json"],
      ["status", ...admin, tokenFile],
      ["doctor", "--config", configFile],
      ["doctor", "--config", configFile, "--cloudflare-url", `${cloudflareUrl}x`],
      ["doctor", "--relay-token", SECRETS.relay],
      ["list", relayWithToken],
      ["list", `http://${SECRETS.path}`],
      ["sub", cloudflareUrl, "no", "no", ...tools],
      ["sub", relayWithToken, "no", "no", SECRETS.path],
      ["pub", relayWithToken, "a", "b"],
      ["run", "--relay-token", SECRETS.relay, "--relay-token-file", tokenFile, ...bothUrls],
      ["run", "--relay-tokn", SECRETS.relay],
      ["run", `--relay-tokn=${SECRETS.relay}`],
    ];
    for (const args of commands) {
      const { out, error } = await runCommand(args, debug);
      outputs.push(out, error);
    }
    // And when nothing answers any more.
    await Promise.all([relay.kill(), ietf.kill(), registry.stop()]);
    await bridge.process.waitForLine(/registry: .*ECONNREFUSED/, { timeoutMs: PATIENCE_MS });
    const sick = await runCommand(["doctor", "--config", configFile], debug);
    outputs.push(sick.out, sick.error);
    expect(sick.code).toBe(1);
    await bridge.stop();
    outputs.push(bridge.text);

    expect(outputs.join("")).toContain("moq:lite");
    for (const [name, secret] of Object.entries(SECRETS)) {
      const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")];
      for (const form of forms) {
        const found = outputs.find((output) => output.includes(form));
        expect(found, `the ${name} secret is in an output`).toBeUndefined();
      }
    }
  }));
