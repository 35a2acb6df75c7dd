import type { Redactor } from "./redactor.js";
import type { Settings } from "./settings.js";

/** Tells the redactor every secret of the settings. */
export function hideSecrets(settings: Settings, redactor: Redactor): void {
  const { relay, cloudflare, registry } = settings;
  for (const url of [relay.url, cloudflare.url, registry?.url]) if (url) redactor.addUrl(url.href);
  if (relay.token && "value" in relay.token) redactor.addSecret(relay.token.value);
}
