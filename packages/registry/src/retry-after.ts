/**
 * The wait that a Retry-After header asks for, in milliseconds: seconds or an
 * HTTP date (RFC 9110 section 10.2.3). `undefined` when it cannot be read.
 */
export function readRetryAfter(value: string | undefined, wallClock: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  if (!/^[A-Za-z]{3}, /.test(text)) return undefined;
  // biome-ignore lint/style/noRestrictedGlobals: reading a date looks at no clock
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.max(0, time - wallClock);
}
