/** Resolves after a time, where there is one, or when the demo is asked to end. */
export function demoEnd(
  durationMs: number | undefined,
  stopRequested: Promise<string>,
): Promise<unknown> {
  if (durationMs === undefined) return stopRequested;
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, durationMs);
  });
  return Promise.race([over, stopRequested]).finally(() => clearTimeout(timer));
}
