export { type CombinedOrigin, type CombineOptions, combine } from "./combine.js";
export { DEFAULT_MAX_GROUP_BYTES } from "./group.js";
export { appendHop, checkHops, instanceId, MAX_HOPS, passedOrigin } from "./hops.js";
export { DEFAULT_BUDGET_BYTES, MemoryBudget } from "./memory-budget.js";
export type * from "./model.js";
export { DEFAULT_IDLE_MS, Origin, type OriginOptions } from "./origin.js";
export {
  hasPathPrefix,
  isValidPath,
  joinPath,
  MAX_PATH_BYTES,
  MAX_PATH_PARTS,
  parsePath,
  pathProblem,
} from "./path.js";
export { RefusedTrack } from "./refused-track.js";
export { DEFAULT_TRACK_INFO } from "./source.js";
