export { Bridge, type BridgeOptions } from "./bridge.js";
export type { CloudflareOptions } from "./cloudflare-connection.js";
export { DEFAULT_HOLD_MS, DEFAULT_MAX_SESSIONS } from "./defaults.js";
export type { LogFields, Logger } from "./logger.js";
export { type MapOptions, type Mapped, PathMap } from "./path-map.js";
export { neverCrosses, PathPolicy, type Refusal } from "./path-policy.js";
export type { ReportOptions, ReportStatus } from "./registry-reporter.js";
export type { RelayOptions } from "./relay-connection.js";
export { tokenExpiry } from "./relay-token.js";
export type { PooledStatus, PoolStatus } from "./session-pool.js";
export type {
  BridgeStatus,
  BroadcastState,
  BroadcastStatus,
  CarriedDirection,
  StateStatus,
} from "./status.js";
export type { RegistryOptions, RegistryStatus } from "./stream-sources.js";
export type { SupervisorStatus } from "./supervisor.js";
export type { SessionTraffic, SideTraffic } from "./traffic.js";
