/** One stream as a row of the registry gives it. */
export interface RegistryRow {
  /** The stream's broadcast path: 1 to 1024 bytes of UTF-8, otherwise unchecked. */
  readonly streamId: string;
  /** Where it is published: `cloudflare` or `earthseed`. */
  readonly origin: string;
  /**
   * Identifies this run of the stream: its start time, else its lease.
   * Another value means that the publisher started anew. `undefined`: the registry does not say.
   */
  readonly instance: string | undefined;
  /** Viewers counted by the registry. */
  readonly viewerCount: number | undefined;
}

/** One live stream of the registry. */
export interface RegistryEntry extends RegistryRow {
  /** Since when it has been live without a break, as seen from here, in milliseconds since the Unix epoch. */
  readonly firstSeen: number;
}

/** What is live, as far as is known. */
export interface RegistryList {
  /** The streams to carry: those with the wanted origin. In the order of their names. */
  readonly entries: readonly RegistryEntry[];
  /** Streams of the other known origins, by origin. */
  readonly others: ReadonlyMap<string, readonly RegistryEntry[]>;
}

/** Longest start time or lease accepted, in characters; a longer one counts as not given. */
export const MAX_INSTANCE_LENGTH = 256;

/** Why a row was left out. */
export type SkipReason =
  | "not_an_object"
  | "bad_stream_id"
  | "stream_id_too_long"
  | "bad_origin"
  | "unknown_origin";

/** An entry for each name, in the order of the names. */
export function sortedEntries(entries: Iterable<RegistryEntry>): RegistryEntry[] {
  return [...entries].sort((a, b) => (a.streamId < b.streamId ? -1 : 1));
}
