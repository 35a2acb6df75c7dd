import { VARIABLES } from "../flags.js";
import type { ConfigValue } from "./read-config.js";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Settings that say the same in different ways: whichever was given by the
 * stronger source silences all of the weaker one.
 */
const ALTERNATIVES: readonly (readonly string[])[] = [
  ["relayToken", "relayTokenFile"],
  ["relayTlsCa", "relayTlsFingerprint", "relayTlsInsecure", "tlsDisableVerify"],
  ["cloudflareTlsCa", "cloudflareTlsFingerprint", "cloudflareTlsInsecure", "tlsDisableVerify"],
];

/**
 * The flags with what the configuration file adds: a flag is stronger than its
 * environment variable, and that than the file.
 */
export function mergeConfig<F extends object>(
  flags: F,
  isGiven: (key: string) => boolean,
  config: ReadonlyMap<string, ConfigValue>,
  environment: Environment,
): F {
  const isStronger = (key: string) => isGiven(key) || isVariableSet(key, environment);
  const merged: Record<string, unknown> = Object.fromEntries(Object.entries(flags));
  for (const [key, value] of config) {
    const rivals = ALTERNATIVES.filter((group) => group.includes(key)).flat();
    if ([key, ...rivals].some(isStronger)) continue;
    merged[key] = value;
  }
  return merged as F;
}

function isVariableSet(key: string, environment: Environment): boolean {
  const variable = (VARIABLES as Readonly<Record<string, string>>)[key];
  return variable !== undefined && (environment[variable] ?? "").trim() !== "";
}
