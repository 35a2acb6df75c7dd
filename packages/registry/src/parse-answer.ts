import { MoqError } from "@moq-bridge/runtime";
import {
  MAX_INSTANCE_LENGTH,
  MAX_STREAM_ID_BYTES,
  type RegistryRow,
  type SkipReason,
} from "./entry.js";

/** A registry's answer, row by row. */
export interface ParsedAnswer {
  /** Entries by origin, then by name. Rows of one name and origin are merged. */
  readonly byOrigin: ReadonlyMap<string, ReadonlyMap<string, RegistryRow>>;
  /** Names of rows skipped for want of an origin: nothing new is known of them, least of all that they ended. */
  readonly doubtful: ReadonlySet<string>;
  readonly rows: number;
  /** Rows that repeated a name within its origin. */
  readonly duplicates: number;
  /** How many rows were skipped, by reason. */
  readonly skipped: ReadonlyMap<SkipReason, number>;
}

const utf8 = new TextEncoder();

/**
 * Reads `{"broadcasts":[{"stream_id","origin","viewer_count"?,"started_at"?,"lease"?}]}`.
 * A row that does not fit is skipped and counted.
 *
 * @throws {MoqError} `registry_html`, `registry_bad_json` or `registry_shape`, the last also when not one of the rows fits
 */
export function parseAnswer(
  body: Uint8Array,
  contentType: string | undefined,
  knownOrigins: ReadonlySet<string>,
): ParsedAnswer {
  const rows = readRows(body, contentType);
  const byOrigin = new Map<string, Map<string, RegistryRow>>();
  const doubtful = new Set<string>();
  const skipped = new Map<SkipReason, number>();
  let duplicates = 0;
  let fitting = 0;
  for (const row of rows) {
    const result = readRow(row, knownOrigins);
    if ("skip" in result) {
      skipped.set(result.skip, (skipped.get(result.skip) ?? 0) + 1);
      if (result.skip === "unknown_origin") fitting++;
      if (result.streamId !== undefined) doubtful.add(result.streamId);
      continue;
    }
    fitting++;
    const entries = byOrigin.get(result.origin) ?? new Map<string, RegistryRow>();
    byOrigin.set(result.origin, entries);
    const known = entries.get(result.streamId);
    if (known) duplicates++;
    entries.set(result.streamId, known ? merge(known, result) : result);
  }
  if (rows.length > 0 && fitting === 0) {
    const reasons = [...skipped].map(([reason, count]) => `${count} ${reason}`).join(", ");
    throw shapeError(`none of the ${rows.length} rows fits (${reasons})`);
  }
  return { byOrigin, doubtful, rows: rows.length, duplicates, skipped };
}

function readRows(body: Uint8Array, contentType: string | undefined): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    // The parser's own message quotes the text, which may hold anything.
    if (looksLikeHtml(body, contentType)) {
      throw new MoqError("registry_html", "answered HTML instead of JSON", { scope: "process" });
    }
    throw new MoqError(
      "registry_bad_json",
      `answered ${body.byteLength} bytes that are not complete, valid JSON`,
      { scope: "process" },
    );
  }
  if (!isRecord(value)) throw shapeError('expected an object with a list "broadcasts"');
  if (!Array.isArray(value.broadcasts)) throw shapeError('"broadcasts" is missing or not a list');
  return value.broadcasts;
}

function readRow(
  row: unknown,
  knownOrigins: ReadonlySet<string>,
): RegistryRow | { readonly skip: SkipReason; readonly streamId?: string } {
  if (!isRecord(row)) return { skip: "not_an_object" };
  const { stream_id: streamId, origin } = row;
  if (typeof streamId !== "string" || streamId === "") return { skip: "bad_stream_id" };
  if (utf8.encode(streamId).byteLength > MAX_STREAM_ID_BYTES) return { skip: "stream_id_too_long" };
  if (typeof origin !== "string") return { skip: "bad_origin", streamId };
  if (!knownOrigins.has(origin)) return { skip: "unknown_origin" };
  return {
    streamId,
    origin,
    instance: readInstance(row.started_at) ?? readInstance(row.lease),
    viewerCount: readCount(row.viewer_count),
  };
}

function readInstance(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  if (typeof value !== "string" || value === "" || value.length > MAX_INSTANCE_LENGTH) {
    return undefined;
  }
  return value;
}

function readCount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** The same whichever row came first, or a registry without a fixed order would look like restarts. */
function merge(a: RegistryRow, b: RegistryRow): RegistryRow {
  return {
    ...a,
    instance: larger(a.instance, b.instance),
    viewerCount: larger(a.viewerCount, b.viewerCount),
  };
}

function larger<T extends string | number>(a: T | undefined, b: T | undefined): T | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}

function looksLikeHtml(body: Uint8Array, contentType: string | undefined): boolean {
  if (contentType?.toLowerCase().includes("html")) return true;
  return new TextDecoder().decode(body.subarray(0, 256)).trimStart().startsWith("<");
}

interface Row {
  readonly [name: string]: unknown;
  readonly broadcasts?: unknown;
  readonly stream_id?: unknown;
  readonly origin?: unknown;
  readonly started_at?: unknown;
  readonly lease?: unknown;
  readonly viewer_count?: unknown;
}

function isRecord(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shapeError(message: string): MoqError {
  return new MoqError("registry_shape", `answered JSON of another shape: ${message}`, {
    scope: "process",
  });
}
