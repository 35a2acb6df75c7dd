import type { BridgeStatus, RegistryStatus, SideTraffic } from "@moq-bridge/bridge";
import { DurationHistogram } from "@moq-bridge/runtime";

/** Traffic of a side, all zero but for what is given. */
export function sideTraffic(given: Partial<SideTraffic> = {}): SideTraffic {
  return {
    sessionsOpen: 0,
    sessionsOpened: 0,
    reconnects: 0,
    bytesReceived: 0,
    bytesSent: 0,
    framesReceived: 0,
    framesSent: 0,
    groupsReceived: 0,
    groupsSent: 0,
    groupsSkipped: 0,
    subscriptions: 0,
    servedSubscriptions: 0,
    addedLatency: new DurationHistogram(),
    ...given,
  };
}

/** A registry that was not asked yet, but for what is given. */
export function registryStatus(given: Partial<RegistryStatus> = {}): RegistryStatus {
  return {
    label: "https://registry.example",
    lastSuccess: undefined,
    ageMs: undefined,
    polls: 0,
    failedPolls: 0,
    failures: 0,
    lastError: undefined,
    live: 0,
    unconfirmed: 0,
    rows: 0,
    duplicates: 0,
    skipped: {},
    ...given,
  };
}

const SESSION = {
  connected: true,
  since: 1_000,
  sessions: 1,
  failures: 0,
  lastError: undefined,
  lastLoss: undefined,
};

/** The status of a bridge that is connected and does nothing, but for what is given. */
export function bridgeStatus(given: Partial<BridgeStatus> = {}): BridgeStatus {
  return {
    relay: SESSION,
    cloudflare: {
      sessions: [
        { ...SESSION, requests: 3, requestLimit: 100, names: 1, tracks: 2, openStreams: 4 },
      ],
      waiting: 0,
    },
    registry: undefined,
    registries: [],
    report: undefined,
    traffic: { relay: sideTraffic(), cloudflare: sideTraffic() },
    relayTokenExpiresAt: undefined,
    broadcasts: [],
    refused: {},
    ...given,
  };
}
