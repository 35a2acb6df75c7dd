/** Most parts of a broadcast path; a peer that sends more violates the protocol, from lite-03 on. */
export const MAX_PATH_PARTS = 32;

/** Most bytes of a broadcast path this library carries; a longer one is `unsupported`. */
export const MAX_PATH_BYTES = 1024;

/** Most ids in a hop chain. */
export const MAX_HOPS = 32;

/** Most parameters of a SETUP. */
export const MAX_PARAMETERS = 64;

/** Longest body of a message; a longer one violates the protocol, as it does for moq-relay. */
export const MAX_LEGAL_MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * Longest message body read, ANNOUNCE_INIT apart: room for two paths, a track name and a hop chain.
 * A longer one is `unsupported`.
 */
export const MAX_MESSAGE_BYTES = 16 * 1024;

/** Longest ANNOUNCE_INIT body read: some ten thousand paths. */
export const MAX_ANNOUNCE_INIT_BYTES = 1024 * 1024;

/** Longest URI of a GOAWAY. */
export const MAX_GOAWAY_URI_BYTES = 8 * 1024;
