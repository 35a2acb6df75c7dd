import type { Bridge, BridgeOptions } from "@moq-bridge/bridge";
import { systemRuntime } from "@moq-bridge/runtime";
import { VERSION } from "./flags.js";
import type { LineLogger } from "./logger.js";
import type { Redactor } from "./redactor.js";
import { registryOptions } from "./registry/registry-options.js";
import type { Settings } from "./settings.js";
import { readTokenFile } from "./token-source.js";

/** Time for withdrawing what was announced, in milliseconds: the process is gone within 3 s of the signal. */
const STOP_LIMIT_MS = 2500;

/** What `run` uses of a bridge. */
export type RunnableBridge = Pick<Bridge, "start" | "stop" | "status" | "pollNow">;

/** Makes the bridge that `run` runs. */
export type CreateBridge = (options: BridgeOptions) => RunnableBridge;

/** The bridge's options for these settings. */
export function bridgeOptions(
  settings: Settings,
  log: LineLogger,
  redactor: Redactor,
): BridgeOptions {
  const { relay, cloudflare, registry } = settings;
  return {
    runtime: systemRuntime,
    log,
    relay: {
      url: relay.url.href,
      tls: relay.tls,
      insecureWs: relay.insecureWs,
      token: async () => {
        if (relay.token === undefined) return undefined;
        return "value" in relay.token
          ? relay.token.value
          : readTokenFile(relay.token.file, redactor);
      },
    },
    cloudflare: { ...cloudflare, url: cloudflare.url.href },
    ...registryOptions(registry, redactor),
    direction: settings.direction,
    allow: [...settings.allow],
    deny: [...settings.deny],
    toCloudflare: settings.toCloudflare,
    toRelay: settings.toRelay,
    ...settings.streams,
  };
}

/** Runs a bridge until `stopRequested`, then withdraws what it announced. */
export async function runBridge(
  settings: Settings,
  log: LineLogger,
  bridge: Pick<RunnableBridge, "start" | "stop">,
  stopRequested: Promise<string>,
): Promise<void> {
  log.info(`moq-bridge ${VERSION} starts`, {
    relay: settings.relay.url.origin,
    cloudflare: settings.cloudflare.url.origin,
    registry: registryNames(settings.registry),
    direction: settings.direction,
  });
  const publication = publicationNotice(settings);
  if (publication) log.warn(publication);
  bridge.start();
  const signal = await stopRequested;
  log.info(`${signal}: withdrawing what was announced`);
  if (await settlesWithin(bridge.stop(), STOP_LIMIT_MS)) log.info("stopped");
  else log.warn(`stopped without an answer to the withdrawal within ${STOP_LIMIT_MS} ms`);
}

/** Everything that names streams, for the first line. */
function registryNames({ urls, files, streams }: Settings["registry"]): string | undefined {
  const configured = streams.length > 0 ? [`${streams.length} configured`] : [];
  const names = [...urls.map(({ url }) => url.origin), ...files.map(({ file }) => file)];
  return [...names, ...configured].join(",") || undefined;
}

/** What becomes public by running with these settings, unless they restrict it. */
export function publicationNotice(settings: Settings): string | undefined {
  const { direction, cloudflare } = settings;
  if (direction === "to-relay" || restrictsTheRelay(settings)) return undefined;
  return `every broadcast of the relay becomes public on ${cloudflare.url.host}; restrict that with --allow, --deny or --direction to-relay`;
}

function restrictsTheRelay({ allow, deny, toCloudflare }: Settings): boolean {
  const patterns = [allow, deny, toCloudflare.allow ?? [], toCloudflare.deny ?? []];
  return patterns.some((list) => list.length > 0) || toCloudflare.strip !== undefined;
}

async function settlesWithin(promise: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([promise.then(() => true), limit]);
  } finally {
    clearTimeout(timer);
  }
}
