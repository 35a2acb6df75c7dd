import type { Redactor } from "./redactor.js";
import type { Settings } from "./settings.js";

/** Tells the redactor every secret of the settings. */
export function hideSecrets(settings: Settings, redactor: Redactor): void {
  const { relay, cloudflare, registry } = settings;
  const registries = [...registry.urls, ...(registry.write ? [registry.write] : [])];
  for (const { url } of [relay, cloudflare, ...registries]) redactor.addUrl(url.href);
  if (relay.token && "value" in relay.token) redactor.addSecret(relay.token.value);
}
