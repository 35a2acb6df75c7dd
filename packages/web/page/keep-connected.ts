import { systemRuntime as runtime, sleep } from "@moq-bridge/runtime";

/** Before the first new attempt, in milliseconds; each further one waits twice as long. */
const FIRST_DELAY_MS = 250;

/** A session was used until it ended; why, where there is a reason. It rejects where none came about. */
export type Use = (signal: AbortSignal) => Promise<string>;

export interface KeepConnectedOptions {
  readonly signal: AbortSignal;
  /** Between two attempts at most, in milliseconds. */
  readonly longestDelayMs: number;
  /** An error of {@link Use}, or the reason it returned, in words. */
  readonly onTrouble: (words: string) => void;
}

/** Uses one session after the other until the signal aborts. */
export async function keepConnected(
  use: Use,
  { signal, longestDelayMs, onTrouble }: KeepConnectedOptions,
): Promise<void> {
  let delay = FIRST_DELAY_MS;
  while (!signal.aborted) {
    const started = runtime.now();
    try {
      const reason = await use(signal);
      if (runtime.now() - started > delay) delay = FIRST_DELAY_MS;
      onTrouble(reason);
    } catch (error) {
      if (!signal.aborted) onTrouble(inWords(error));
    }
    await pause(delay, signal);
    delay = Math.min(delay * 2, longestDelayMs);
  }
}

/** Waits, or returns early when `signal` aborts. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(runtime, delayMs, signal).catch(() => {});
}

/** An error as a sentence. */
export function inWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
