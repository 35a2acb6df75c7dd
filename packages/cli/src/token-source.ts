import { readFile } from "node:fs/promises";
import { MoqError } from "@moq-bridge/runtime";
import type { Redactor } from "./redactor.js";

/** Longest token accepted from a file, in characters. */
const MAX_TOKEN_LENGTH = 65_536;

/**
 * The token in a file, without the white space around it, read anew each time
 * and hidden from the log from then on.
 *
 * @param what whose it is, for errors
 *
 * @throws {MoqError} `token_unreadable`
 */
export async function readTokenFile(
  path: string,
  redactor: Redactor,
  what: "relay" | "registry" = "relay",
): Promise<string> {
  const unreadable = (message: string, cause?: unknown) =>
    new MoqError("token_unreadable", `the ${what} token: ${message}`, { scope: "session", cause });
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw unreadable(`cannot read ${path}: ${reasonOf(error)}`, error);
  }
  const token = text.trim();
  if (token === "") throw unreadable(`${path} is empty`);
  if (token.length > MAX_TOKEN_LENGTH || /\s/.test(token)) {
    throw unreadable(`${path} does not hold one token`);
  }
  redactor.addSecret(token);
  return token;
}

/** Why a file could not be read, or an address not listened on, without the path and the system call. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "not permitted";
  if (code === "EISDIR") return "it is a directory";
  if (code === "EADDRINUSE") return "another program listens there";
  if (code === "EADDRNOTAVAIL") return "this machine has no such address";
  return code ?? String(error);
}
