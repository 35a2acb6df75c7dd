import { systemRuntime as runtime, sleep } from "@moq-bridge/runtime";

/** Milliseconds before the first new attempt, and at most. */
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 2_000;

/** A session was used until it ended; why, where there is a reason. */
export type Use = (signal: AbortSignal) => Promise<string>;

/**
 * Uses one session after the other until `signal` aborts. An error of `use` and
 * the reason it returns are told to `onTrouble`, in words.
 */
export async function keepConnected(
  use: Use,
  { signal, onTrouble }: { signal: AbortSignal; onTrouble: (words: string) => void },
): Promise<void> {
  let delay = FIRST_DELAY_MS;
  while (!signal.aborted) {
    const started = runtime.now();
    try {
      onTrouble(await use(signal));
    } catch (error) {
      if (!signal.aborted) onTrouble(inWords(error));
    }
    if (runtime.now() - started > LONGEST_DELAY_MS) delay = FIRST_DELAY_MS;
    await pause(delay, signal);
    delay = Math.min(delay * 2, LONGEST_DELAY_MS);
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
