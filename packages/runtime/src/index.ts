export { DURATION_BOUNDS_MS, DurationHistogram, durationQuantile } from "./duration-histogram.js";
export { type ErrorScope, MoqError, type MoqErrorOptions, toMoqError } from "./error.js";
export { inNextTurn } from "./next-turn.js";
export { quotable } from "./quotable.js";
export {
  type CancelTimer,
  type HttpGetOptions,
  type HttpPostOptions,
  type HttpResponse,
  type Runtime,
  sleep,
} from "./runtime.js";
export { systemRuntime } from "./system-runtime.js";
export type { HttpHandler } from "./virtual-http.js";
export { settle, VirtualRuntime } from "./virtual-runtime.js";
