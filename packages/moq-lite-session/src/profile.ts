/**
 * What is assumed of a peer beyond its version, as data. Most habits follow
 * from the version: a December 2025 relay settles lite-01 or lite-02, where no
 * stream types exist that it would not know.
 */
export interface LiteProfile {
  readonly name: string;
  /**
   * Whether the peer announces our own broadcasts back to us although its
   * version has no hops to tell them by. A path we announce is then ours,
   * whoever else may have it too.
   */
  readonly echoes: boolean;
}

/** moq-relay 0.17 and other peers of today. */
export const current: LiteProfile = { name: "current", echoes: false };

/** moq-relay 0.10.0 (December 2025, measured). */
export const december2025: LiteProfile = { name: "december-2025", echoes: true };
