export { type D1, type D1Statement, D1Store } from "./d1-store.js";
export { MemoryStore } from "./memory-store.js";
export {
  createRegistryService,
  type FetchHandler,
  type RegistryServiceOptions,
} from "./service.js";
export { type RegistryVariables, readVariables } from "./settings.js";
export {
  type Claim,
  type ClaimResult,
  type End,
  type EndResult,
  type LiveBroadcast,
  STREAM_ORIGINS,
  type Store,
  type StreamOrigin,
} from "./store.js";
export { type Permission, type TokenOptions, TokenVerifier } from "./tokens.js";
