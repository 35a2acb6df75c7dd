/** Sessions with Cloudflare at once, where nothing else is said. */
export const DEFAULT_MAX_SESSIONS = 32;
/** How long a viewer is held while Cloudflare does not have its track yet, in milliseconds, where nothing else is said. */
export const DEFAULT_HOLD_MS = 10_000;
