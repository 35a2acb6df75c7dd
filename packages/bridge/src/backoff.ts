import { type Runtime, sleep } from "@moq-bridge/runtime";

/** How long to wait before trying again. */
export interface BackoffOptions {
  /** After the first failure, in milliseconds; doubled for each further one. */
  readonly baseMs: number;
  /** Never longer than this, in milliseconds. */
  readonly capMs: number;
}

/** The delay after `failures` failures in a row: none after 0, then doubling, between half and the whole of it. */
export function backoffDelay(runtime: Runtime, failures: number, options: BackoffOptions): number {
  if (failures === 0) return 0;
  const whole = Math.min(options.capMs, options.baseMs * 2 ** Math.min(failures - 1, 30));
  return whole * (0.5 + runtime.random() / 2);
}

/** Waits for {@link backoffDelay}; not at all after no failure. Rejects with the signal's reason. */
export async function backoff(
  runtime: Runtime,
  failures: number,
  options: BackoffOptions,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (failures > 0) await sleep(runtime, backoffDelay(runtime, failures, options), signal);
}
