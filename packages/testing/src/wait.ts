/** What a wait looked for and how long it may take. */
export interface Deadline {
  /** Completes the sentence "timed out waiting for …". */
  readonly what: string;
  /** In milliseconds. */
  readonly timeoutMs: number;
}

/** Something waited for did not happen in time. */
export class WaitTimeout extends Error {
  override readonly name = "WaitTimeout";
}

/**
 * Rejects with {@link WaitTimeout} unless `promise` settles in time.
 * `detail` is asked only then, to say what was seen instead.
 */
export async function within<T>(
  promise: Promise<T>,
  deadline: Deadline,
  detail: () => string = () => "",
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new WaitTimeout(
          `timed out after ${deadline.timeoutMs} ms waiting for ${deadline.what}\n${detail()}`,
        ),
      );
    }, deadline.timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks `probe` every 50 ms until it gives something other than `undefined` or
 * `false`. For state that sends no event, such as a process's memory or a file;
 * for events use {@link EventLog}.
 */
export async function eventually<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  deadline: Deadline,
): Promise<T> {
  const end = Date.now() + deadline.timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() >= end) {
      throw new WaitTimeout(
        `timed out after ${deadline.timeoutMs} ms waiting for ${deadline.what}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Lets real time pass: only for "for this long, nothing happens" and "after this long, still so". */
export function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
