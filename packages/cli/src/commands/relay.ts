import { readFileSync } from "node:fs";
import type { Ietf14Rules, RuleName, TokenKey } from "@moq-bridge/relay";
import type { ServerIdentity } from "@moq-bridge/transport";
import { readAddress } from "../admin/admin-settings.js";
import type { DefineCommand } from "../command.js";
import { printable } from "../printable.js";
import { reasonOf } from "../token-source.js";
import { UsageError } from "../usage-error.js";

const DIALECTS = ["moq-lite", "draft-14"] as const;

interface RelayFlags {
  readonly dialect?: string;
  readonly behave: string;
  readonly without?: string[];
  readonly listen: string;
  readonly authKeyFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly quic: boolean;
}

/** `moq-bridge relay`: one of the demo's relays, alone. */
export const defineRelay: DefineCommand = (program, { host, redactor }) => {
  program
    .command("relay")
    .description("run a small relay for development: it keeps nothing and is not for production")
    .option("--dialect <name>", `what it speaks: ${DIALECTS.join(" or ")}`)
    .option(
      "--behave <name>",
      "draft-14: plain, cloudflare-oss (as measured) or cloudflare-hosted (as reported)",
      "plain",
    )
    .option("--without <rules...>", "rules of --behave to leave out")
    .option("--listen <address>", "HOST:PORT, for TCP and UDP", "127.0.0.1:4443")
    .option(
      "--auth-key-file <file>",
      "moq-lite: an HS256 key as JWK; each session then needs ?jwt= (default: open to all)",
    )
    .option("--tls-cert <file>", "certificate chain (PEM): wss:// instead of ws://")
    .option("--tls-key <file>", "its key (PEM)")
    .option("--no-quic", "WebSocket only")
    .allowExcessArguments(false)
    .action(async (flags: RelayFlags) => {
      const dialect = DIALECTS.find((each) => each === flags.dialect);
      if (!dialect) throw new UsageError(`give --dialect ${DIALECTS.join(" or ")}`);
      if (flags.authKeyFile !== undefined && dialect !== "moq-lite") {
        throw new UsageError("--auth-key-file is for --dialect moq-lite");
      }
      if (flags.behave !== "plain" && dialect !== "draft-14") {
        throw new UsageError("--behave is for --dialect draft-14");
      }
      if (flags.without !== undefined && flags.behave === "plain") {
        throw new UsageError("--without takes rules from --behave; give both");
      }
      const address = readAddress("--listen", flags.listen);
      const identity = readIdentity(flags);
      const relays = await import("@moq-bridge/relay");
      const { Ietf14Relay, LiteRelay, listen, parseTokenKey } = relays;
      const rules = readRules(flags, relays);
      const { systemRuntime: runtime } = await import("@moq-bridge/runtime");
      const log = (line: string) => host.writeError(`${printable(redactor.redact(line))}\n`);
      const key = readKey(flags.authKeyFile, parseTokenKey);
      const relay =
        dialect === "moq-lite"
          ? new LiteRelay({ runtime, log, ...(key ? { key } : {}) })
          : new Ietf14Relay({ runtime, rules, log });
      const listening = await listen(relay, {
        runtime,
        ...address,
        webTransport: flags.quic ? "auto" : "off",
        ...(identity ? { identity } : {}),
      });
      const { webSocketUrl, webTransportUrl, fingerprint, withoutWebTransport } = listening;
      log(`a ${dialect} relay for development, not for production; it keeps nothing`);
      log(`WebSocket: ${webSocketUrl}`);
      if (webTransportUrl === undefined) log(`no WebTransport: ${withoutWebTransport}`);
      else log(`WebTransport: ${webTransportUrl}, certificate SHA-256 ${fingerprint}`);
      if (dialect === "moq-lite" && !key) log("open: everybody may publish and watch everything");
      log(`${await host.stopRequested}: ending`);
      await listening.close();
      if (relay instanceof Ietf14Relay) log(`rules applied: ${JSON.stringify(relay.counts)}`);
    });
};

function readRules(
  { behave, without = [] }: RelayFlags,
  { RELAY_BEHAVIOURS, RULE_EVIDENCE, withoutRules }: typeof import("@moq-bridge/relay"),
): Ietf14Rules {
  const rules = Object.hasOwn(RELAY_BEHAVIOURS, behave) ? RELAY_BEHAVIOURS[behave] : undefined;
  if (!rules) throw new UsageError(`--behave is ${Object.keys(RELAY_BEHAVIOURS).join(" or ")}`);
  const known = Object.keys(RULE_EVIDENCE) as RuleName[];
  const names = without.map((each) => known.find((name) => name === each));
  if (names.includes(undefined)) throw new UsageError(`--without is any of ${known.join(" ")}`);
  return withoutRules(rules, ...names.filter((name) => name !== undefined));
}

function readKey(
  file: string | undefined,
  parse: (text: string) => TokenKey,
): TokenKey | undefined {
  if (file === undefined) return undefined;
  try {
    return parse(readText("--auth-key-file", file));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--auth-key-file: ${why}`);
  }
}

function readIdentity({ tlsCert, tlsKey }: RelayFlags): ServerIdentity | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UsageError("give --tls-cert and --tls-key together");
  }
  return { cert: readText("--tls-cert", tlsCert), key: readText("--tls-key", tlsKey) };
}

function readText(flag: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${flag}: cannot read ${file}: ${reasonOf(error)}`);
  }
}
