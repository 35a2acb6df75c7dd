export {
  MAX_STREAM_ID_BYTES,
  type RegistryEntry,
  type SkipReason,
} from "./entry.js";
export {
  type RegistryHealth,
  RegistryPoller,
  type RegistryPollerOptions,
} from "./registry-poller.js";
