export type { LiteVersion, Probe } from "@moq-bridge/moq-wire/lite";
export { SESSION_CODE, STREAM_CODE } from "./codes.js";
export { acceptLite, connectLite, LITE_PROTOCOLS } from "./connect.js";
export type { Counters } from "./counters.js";
export {
  DEFAULT_LIMITS,
  type LiteLimits,
  type LiteSession,
  type LiteSessionOptions,
  type LiteStats,
  type SessionEnd,
} from "./options.js";
export { current, december2025, type LiteProfile } from "./profile.js";
