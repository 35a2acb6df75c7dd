import { readFile } from "node:fs/promises";
import { MoqError } from "@moq-bridge/runtime";
import type { Redactor } from "../redactor.js";
import { reasonOf } from "../token-source.js";

const HEADER = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\r\n]*?)[ \t]*$/;

/**
 * Request headers from a file of lines `Name: value`; empty lines and lines
 * that begin with `#` are left out. Values are hidden from the log.
 *
 * @throws {MoqError} `headers_unreadable`
 */
export async function readHeadersFile(
  file: string,
  redactor: Redactor,
): Promise<Record<string, string>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw unreadable(`cannot read ${file}: ${reasonOf(error)}`, error);
  }
  const headers: Record<string, string> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, name, value] = HEADER.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      throw unreadable(`${file}: line ${index + 1} is not "Name: value"`);
    }
    for (const secret of [value, ...value.split(" ")]) redactor.addSecret(secret);
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function unreadable(message: string, cause?: unknown): MoqError {
  return new MoqError("headers_unreadable", message, { scope: "process", cause });
}
