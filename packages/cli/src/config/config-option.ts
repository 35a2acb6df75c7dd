import type { Option } from "commander";

/** One setting as the configuration file knows it, made of its flag: there is one list of settings. */
export interface ConfigOption {
  /** The key: the flag in camel case. */
  readonly key: string;
  readonly kind: "boolean" | "list" | "number" | "text";
  readonly choices: readonly string[] | undefined;
  readonly description: string;
}

/** Flags that make no sense inside the file they name. */
const NOT_IN_FILE = new Set(["config"]);
/** What the value's placeholder is called where it is a number. */
const NUMBERS = /<(seconds|milliseconds|ms|count|number|bytes|port)>/;

/** The settings that these flags stand for. */
export function configOptions(options: readonly Option[]): ConfigOption[] {
  return options
    .filter((option) => !NOT_IN_FILE.has(option.attributeName()))
    .map((option) => ({
      key: option.attributeName(),
      kind: kindOf(option),
      choices: option.argChoices,
      description: option.description,
    }));
}

function kindOf(option: Option): ConfigOption["kind"] {
  if (option.isBoolean()) return "boolean";
  if (Array.isArray(option.defaultValue)) return "list";
  return NUMBERS.test(option.flags) ? "number" : "text";
}
