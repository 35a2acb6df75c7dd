import { carriesToken, isLoopback } from "@moq-bridge/transport";
import { type Command, Option } from "commander";
import { repeatable } from "../flags.js";
import type { Target } from "../open-session.js";
import type { Redactor } from "../redactor.js";
import { readTrust } from "../tls-settings.js";
import { readTokenFile } from "../token-source.js";
import { UsageError } from "../usage-error.js";

export const DIALECTS = ["moq-lite", "draft-14"] as const;
/** What a relay speaks. */
export type Dialect = (typeof DIALECTS)[number];

/** The flags that every tool has. */
export interface TargetFlags {
  readonly dialect: Dialect;
  readonly profile: "cloudflare" | "standard";
  readonly tokenFile?: string;
  readonly tlsCa?: string;
  readonly tlsFingerprint: readonly string[];
  readonly tlsInsecure?: boolean;
  readonly insecureWs?: boolean;
}

/** Adds the flags that say where to connect and how. */
export function addTargetFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--dialect <name>", "what the relay speaks").choices(DIALECTS).default("moq-lite"),
    )
    .addOption(
      new Option("--profile <name>", "with draft-14: which messages the relay bears")
        .choices(["cloudflare", "standard"])
        .default("cloudflare"),
    )
    .option("--token-file <file>", "holds the token sent as ?jwt=")
    .option("--tls-ca <file>", "trust these certificate authorities (PEM)")
    .addOption(repeatable("--tls-fingerprint <sha256>", "accept the certificate by its SHA-256"))
    .option("--tls-insecure", "accept any certificate")
    .option("--insecure-ws", "allow a token over ws:// beyond this machine");
}

/** Where these flags lead. @throws {UsageError} */
export async function readTarget(
  text: string,
  flags: TargetFlags,
  redactor: Redactor,
): Promise<Target> {
  redactor.addUrl(text);
  const schemes = flags.dialect === "moq-lite" ? ["https:", "wss:", "ws:"] : ["https:"];
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !schemes.includes(url.protocol)) {
    const wanted = schemes.map((scheme) => `${scheme}//`).join(" or ");
    throw new UsageError(`give a URL that begins with ${wanted} for --dialect ${flags.dialect}`);
  }
  const token =
    flags.tokenFile === undefined ? undefined : await readTokenFile(flags.tokenFile, redactor);
  const isSecret = token !== undefined || carriesToken(url);
  const insecureWs = flags.insecureWs === true;
  if (isSecret && url.protocol === "ws:" && !isLoopback(url.hostname) && !insecureWs) {
    throw new UsageError("a token over ws:// can be read on the way; use wss://, or --insecure-ws");
  }
  const tls = readTrust({
    flagPrefix: "--tls",
    urlName: "URL",
    url,
    caFile: flags.tlsCa,
    fingerprints: flags.tlsFingerprint,
    insecure: flags.tlsInsecure,
    insecureBoth: false,
  });
  return { url, token, tls, insecureWs };
}
