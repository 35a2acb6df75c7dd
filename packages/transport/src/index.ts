export { type MemoryPair, type MemoryPairOptions, memoryPair } from "./memory/memory-pair.js";
export type * from "./transport.js";
