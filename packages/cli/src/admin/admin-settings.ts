import { readFileSync } from "node:fs";
import { isLoopback } from "@moq-bridge/transport";
import { reasonOf } from "../token-source.js";
import { UsageError } from "../usage-error.js";

/** Where the admin server listens, and what opens it. */
export interface AdminSettings {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** What a client must show; `undefined` on loopback without one. */
  readonly token: string | undefined;
}

/** Shortest token that protects anything, in characters. */
const SHORTEST_TOKEN = 16;

/**
 * Reads `--admin HOST:PORT` and the token's file.
 *
 * @throws {UsageError} beyond loopback without a token, among others
 */
export function readAdminSettings(address: string, tokenFile: string | undefined): AdminSettings {
  const { host, port } = readAddress("--admin", address);
  const token = tokenFile === undefined ? undefined : readAdminToken(tokenFile);
  if (token === undefined && !isLoopback(inUrl(host))) {
    throw new UsageError(
      "--admin beyond this machine needs --admin-token-file; or give --admin 127.0.0.1:PORT",
    );
  }
  return { host, port, token };
}

/** `HOST:PORT`, the host of an IPv6 address in brackets. @throws {UsageError} */
export function readAddress(flag: string, text: string): { host: string; port: number } {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]/@\s]+):(\d{1,5})$/i.exec(text.trim());
  const port = Number(match?.[2]);
  if (!match?.[1] || port > 65_535) {
    throw new UsageError(`${flag} must be HOST:PORT, for example 127.0.0.1:9090`);
  }
  return { host: match[1].replace(/^\[(.*)\]$/, "$1"), port };
}

/** What to say when the admin server's address cannot be used. */
export function cannotListen(
  { host, port }: Pick<AdminSettings, "host" | "port">,
  error: unknown,
): Error {
  const reason = reasonOf(error);
  return new Error(`--admin: cannot listen on ${host} port ${port}: ${reason}`, { cause: error });
}

/** A host as URLs write it: IPv6 addresses in brackets. */
export function inUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** The admin token in a file, without the white space around it. @throws {UsageError} */
export function readAdminToken(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`--admin-token-file: cannot read ${file}: ${reasonOf(error)}`);
  }
  const token = text.trim();
  if (token.length < SHORTEST_TOKEN || /\s/.test(token)) {
    throw new UsageError(
      `--admin-token-file: ${file} must hold one token of at least ${SHORTEST_TOKEN} characters`,
    );
  }
  return token;
}
