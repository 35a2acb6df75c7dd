import { createServer } from "node:net";
import { tokenExpiry } from "@moq-bridge/bridge";
import { cloudflare as cloudflareProfile } from "@moq-bridge/moq-ietf14-session";
import { RegistryPoller } from "@moq-bridge/registry";
import { type MoqError, systemRuntime, toMoqError } from "@moq-bridge/runtime";
import type { RelayConnection } from "@moq-bridge/transport";
import { type AdminSettings, cannotListen, inUrl } from "../admin/admin-settings.js";
import { openIetf14, openLite } from "../open-session.js";
import type { Redactor } from "../redactor.js";
import {
  checkMappings,
  checkRegistryFiles,
  registryOptions,
} from "../registry/registry-options.js";
import type { Settings } from "../settings.js";
import { readTokenFile } from "../token-source.js";
import { UsageError } from "../usage-error.js";
import type { Finding } from "./finding.js";

/** The checks of what `run` would do with these settings, all at once. */
export async function checkSettings(settings: Settings, redactor: Redactor): Promise<Finding[]> {
  const token = await readToken(settings, redactor);
  const value = "value" in token ? token.value : undefined;
  const findings = await Promise.all([
    checkRelay(settings, value),
    checkCloudflare(settings),
    ...checkRegistries(settings, redactor),
    checkFiles(settings, redactor),
    checkAdmin(settings.admin),
  ]);
  return [tokenFinding(token), ...findings].filter((finding) => finding !== undefined);
}

type Token = { readonly value: string | undefined } | { readonly problem: string };

async function readToken({ relay }: Settings, redactor: Redactor): Promise<Token> {
  if (relay.token === undefined) {
    return { value: relay.url.searchParams.get("jwt") ?? undefined };
  }
  if ("value" in relay.token) return { value: relay.token.value };
  try {
    return { value: await readTokenFile(relay.token.file, redactor) };
  } catch (error) {
    return { problem: toMoqError(error, "token_unreadable", "process").message };
  }
}

function tokenFinding(token: Token): Finding | undefined {
  const subject = "token";
  if ("problem" in token) return { verdict: "fail", subject, text: token.problem };
  if (token.value === undefined) return undefined;
  const expiresAt = tokenExpiry(token.value);
  if (expiresAt === undefined) {
    return { verdict: "note", subject, text: "does not say when it expires" };
  }
  const when = new Date(expiresAt).toISOString();
  return expiresAt > Date.now()
    ? { verdict: "ok", subject, text: `good until ${when}` }
    : { verdict: "fail", subject, text: `expired at ${when}; get a new one` };
}

function checkRelay({ relay }: Settings, token: string | undefined): Promise<Finding> {
  return checkSide("relay", async () => {
    const { session, connection } = await openLite({ ...relay, token }, {});
    session.close();
    return `moq-${session.version} over ${describe(connection)}`;
  });
}

function checkCloudflare({ cloudflare }: Settings): Promise<Finding> {
  return checkSide("cloudflare", async () => {
    const target = { ...cloudflare, token: undefined, insecureWs: false };
    const { session, connection } = await openIetf14(target, { profile: cloudflareProfile });
    session.close();
    return `draft-14 over ${describe(connection)}`;
  });
}

async function checkSide(subject: string, connect: () => Promise<string>): Promise<Finding> {
  const started = Date.now();
  try {
    const text = await connect();
    return { verdict: "ok", subject, text: `${text}, ${Date.now() - started} ms` };
  } catch (error) {
    const { message } = toMoqError(error, "connect_failed", "session");
    return { verdict: "fail", subject, text: message };
  }
}

function describe({ transport, fellBack }: RelayConnection): string {
  return fellBack === undefined ? transport : `${transport}, because ${fellBack.message}`;
}

/** What `run` refuses to start with: files of registries that cannot be read, and mappings that do not fit. */
async function checkFiles(
  { registry }: Settings,
  redactor: Redactor,
): Promise<Finding | undefined> {
  const unheard = { info: () => {}, warn: () => {} };
  try {
    await checkRegistryFiles(registry, redactor);
    await checkMappings(registry, unheard, redactor);
    return undefined;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { verdict: "fail", subject: "settings", text: error.message };
  }
}

/** That the admin server could listen where it is to; it is not started. */
async function checkAdmin(admin: AdminSettings | undefined): Promise<Finding | undefined> {
  if (!admin) return undefined;
  const subject = "admin";
  const { host, port } = admin;
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
    return { verdict: "ok", subject, text: `${inUrl(host)}:${port} is free` };
  } catch (error) {
    return { verdict: "fail", subject, text: cannotListen(admin, error).message };
  } finally {
    server.close();
  }
}

function checkRegistries({ registry }: Settings, redactor: Redactor): Promise<Finding>[] {
  const { registries = [] } = registryOptions(registry, redactor);
  return registries.map(async ({ source, mapping }): Promise<Finding> => {
    const subject = "registry";
    let outcome: { live: number } | { error: MoqError } | undefined;
    const poller = new RegistryPoller({
      runtime: systemRuntime,
      source,
      intervalMs: 86_400_000,
      ...(mapping ? { mapping } : {}),
      onEntries: (entries) => {
        outcome ??= { live: entries.length };
      },
      onError: (error) => {
        outcome ??= { error };
      },
    });
    const polled = poller.pollNow();
    poller.start();
    await polled;
    poller.stop();
    if (outcome && "live" in outcome) {
      return {
        verdict: "ok",
        subject,
        text: `${source.label}: ${outcome.live} live on Cloudflare`,
      };
    }
    return {
      verdict: "fail",
      subject,
      text: outcome?.error.message ?? `${source.label}: no answer`,
    };
  });
}
