/** Most parts of a broadcast path; a peer that sends more violates the protocol. */
export const MAX_PATH_PARTS = 32;

/** Most bytes of a broadcast path this library carries; a longer one is `unsupported`. */
export const MAX_PATH_BYTES = 1024;

/** Most ids in a hop chain. */
export const MAX_HOPS = 32;

/** Most parameters of a SETUP. */
export const MAX_PARAMETERS = 64;

/** Longest message body accepted, ANNOUNCE_INIT apart: room for two paths, a track name and a hop chain. */
export const MAX_MESSAGE_BYTES = 16 * 1024;

/** Longest ANNOUNCE_INIT body accepted: some ten thousand paths. */
export const MAX_ANNOUNCE_INIT_BYTES = 1024 * 1024;
