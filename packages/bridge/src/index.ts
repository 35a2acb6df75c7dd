export { Bridge, type BridgeOptions } from "./bridge.js";
export type { CloudflareOptions } from "./cloudflare-connection.js";
export type { LogFields, Logger } from "./logger.js";
export { PathPolicy, type Refusal } from "./path-policy.js";
export type { RelayOptions } from "./relay-connection.js";
export type { PooledStatus, PoolStatus } from "./session-pool.js";
export type { BridgeStatus, BroadcastState, BroadcastStatus } from "./status.js";
export type { SupervisorStatus } from "./supervisor.js";
