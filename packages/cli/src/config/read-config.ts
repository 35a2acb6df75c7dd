import { readFileSync } from "node:fs";
import { reasonOf } from "../token-source.js";
import { UsageError } from "../usage-error.js";
import type { ConfigOption } from "./config-option.js";
import { nearest } from "./nearest.js";

/** A setting's value, as its flag would give it. */
export type ConfigValue = string | boolean | readonly string[];

/**
 * Reads a configuration file: a JSON object with the settings of `options`.
 * Values are never repeated in an error: one may be a token.
 *
 * @throws {UsageError}
 */
export function readConfig(
  file: string,
  options: readonly ConfigOption[],
): ReadonlyMap<string, ConfigValue> {
  const known = new Map(options.map((option) => [option.key, option]));
  const values = new Map<string, ConfigValue>();
  for (const [key, value] of Object.entries(readObject(file))) {
    if (key === "$schema") continue;
    const option = known.get(key);
    if (!option) throw unknownKey(file, key, [...known.keys()]);
    values.set(key, readValue(file, option, value));
  }
  return values;
}

function readObject(file: string): object {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`--config: cannot read ${file}: ${reasonOf(error)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--config: ${file} is not JSON${placeOf(error, text)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(`--config: ${file} must hold one JSON object`);
  }
  return value;
}

/** Where the parser stopped, if it says so; not its words, which may quote a token. */
function placeOf(error: unknown, text: string): string {
  const position = / at position (\d+)/.exec(String(error))?.[1];
  if (position === undefined) return "";
  const lines = text.slice(0, Number(position)).split("\n");
  return `: line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}

function unknownKey(file: string, key: string, known: readonly string[]): UsageError {
  const near = nearest(key, known);
  const hint = near === undefined ? "" : `; the nearest one is "${near}"`;
  return new UsageError(`--config: ${file}: there is no setting ${JSON.stringify(key)}${hint}`);
}

function readValue(file: string, { key, kind, choices }: ConfigOption, value: unknown) {
  const wrong = (expected: string) =>
    new UsageError(`--config: ${file}: "${key}" must be ${expected}`);
  switch (kind) {
    case "boolean":
      if (typeof value !== "boolean") throw wrong("true or false");
      return value;
    case "list": {
      const isText = (item: unknown) => typeof item === "string" && item.trim() !== "";
      if (!Array.isArray(value) || !value.every(isText))
        throw wrong('a list of strings, as in ["…"]');
      return value as string[];
    }
    case "number":
      if (typeof value !== "number" && typeof value !== "string") throw wrong("a number");
      return String(value);
    case "text":
      if (typeof value !== "string") throw wrong("a string");
      if (choices && !choices.includes(value)) throw wrong(`one of ${choices.join(", ")}`);
      return value;
  }
}
