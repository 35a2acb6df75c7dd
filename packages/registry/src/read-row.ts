import { MAX_INSTANCE_LENGTH, type RegistryRow, type SkipReason } from "./entry.js";
import {
  fieldOf,
  isOriginValue,
  KEY,
  pathOf,
  REFERENCE_MAPPING,
  type RegistryMapping,
} from "./mapping.js";
import { MAX_STREAM_ID_BYTES } from "./stream-id.js";

/** A row of an answer, with its key where rows are a map. */
export interface RawRow {
  readonly key: string | undefined;
  readonly value: unknown;
}

/** A row that is left out. */
export interface SkippedRow {
  readonly skip: SkipReason;
  /** Its stream, where it has one but does not say where it is published. */
  readonly streamId?: string;
}

const utf8 = new TextEncoder();
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The row by the mapping. */
export function readRow(row: RawRow, mapping: RegistryMapping): RegistryRow | SkippedRow {
  const { key, value } = row;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { skip: "not_an_object" };
  }
  const read = (field: string) => (field === KEY ? key : fieldOf(value, field));
  const id = read(mapping.id);
  const streamId = isId(id, mapping) ? pathOf(mapping.path, read) : undefined;
  if (streamId === undefined || LONE_SURROGATE.test(streamId)) return { skip: "bad_stream_id" };
  if (utf8.encode(streamId).byteLength > MAX_STREAM_ID_BYTES) return { skip: "stream_id_too_long" };
  const origin = mapping.origin === null ? "cloudflare" : originOf(read(mapping.origin), mapping);
  if (origin === undefined) return { skip: "bad_origin", streamId };
  if (origin === "unknown") return { skip: "unknown_origin" };
  return {
    streamId,
    origin,
    instance: firstInstance(mapping.instance.map(read)),
    viewerCount: readCount(mapping.viewers === null ? undefined : read(mapping.viewers)),
  };
}

/** Numbers are ids only in registries that were configured: the reference service has none. */
function isId(id: unknown, mapping: RegistryMapping): boolean {
  if (typeof id === "number") return Number.isSafeInteger(id) && mapping !== REFERENCE_MAPPING;
  return typeof id === "string" && id !== "";
}

function originOf(
  value: unknown,
  { cloudflare, relay }: RegistryMapping,
): "cloudflare" | "earthseed" | "unknown" | undefined {
  if (!isOriginValue(value)) return undefined;
  if (cloudflare.includes(value)) return "cloudflare";
  if (relay.includes(value)) return "earthseed";
  // A number where only texts are known is no origin at all.
  const known = [...cloudflare, ...relay].some((each) => typeof each === typeof value);
  return known ? "unknown" : undefined;
}

function firstInstance(values: readonly unknown[]): string | undefined {
  for (const value of values) {
    if (typeof value === "number") return String(value);
    const fits = typeof value === "string" && value !== "" && value.length <= MAX_INSTANCE_LENGTH;
    if (fits) return value;
  }
  return undefined;
}

function readCount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
