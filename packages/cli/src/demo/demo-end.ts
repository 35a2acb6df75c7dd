/** Resolves after a time, where there is one, and once `work` is done; or at once when the demo is asked to end. */
export function demoEnd(
  durationMs: number | undefined,
  stopRequested: Promise<string>,
  work?: Promise<void>,
): Promise<unknown> {
  if (durationMs === undefined) return stopRequested;
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, durationMs);
  });
  return Promise.race([Promise.all([over, work]), stopRequested]).finally(() =>
    clearTimeout(timer),
  );
}
