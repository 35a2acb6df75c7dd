/** Milliseconds since the Unix epoch as SQLite writes a date: `2026-01-01 10:00:00.000`, in UTC. */
export function sqlTimestamp(milliseconds: number): string {
  return isoTimestamp(milliseconds).replace("T", " ").replace("Z", "");
}

/** The same by RFC 3339. */
export function isoTimestamp(milliseconds: number): string {
  return dateOf(milliseconds).toISOString();
}

/** A moment of the injected clock, for what wants a Date. */
// biome-ignore lint/style/noRestrictedGlobals: looks at no clock
export const dateOf = (milliseconds: number) => new Date(milliseconds);
