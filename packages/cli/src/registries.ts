import type { BridgeOptions } from "@moq-bridge/bridge";
import { LineLogger } from "./logger.js";
import { Redactor } from "./redactor.js";
import { bridgeOptions } from "./run-bridge.js";
import type { Settings } from "./settings.js";

/** The registries that `run` would ask with these settings. */
export function registriesOf(settings: Settings): NonNullable<BridgeOptions["registries"]> {
  const redactor = new Redactor();
  const silent = new LineLogger({
    level: "error",
    format: "text",
    redactor,
    wallClock: Date.now,
    write: () => {},
  });
  const { registries = [], direction } = bridgeOptions(settings, silent, redactor);
  return direction === "to-cloudflare" ? [] : registries;
}
