/** What of this package needs nothing of Node.js: the entry that the condition `browser` leads to. */

export { isCloudflare, isLoopback } from "./connect/hosts.js";
export { carriesToken, redactUrl } from "./connect/redact.js";
export type { ConnectErrorCode } from "./connect-error.js";
export { type MemoryPair, type MemoryPairOptions, memoryPair } from "./memory/memory-pair.js";
export type * from "./transport.js";
export * from "./w3c/index.js";
