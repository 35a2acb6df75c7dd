import { MoqError } from "@moq-bridge/runtime";
import type { RegistryRow, SkipReason } from "./entry.js";
import { fieldOf, REFERENCE_MAPPING, type RegistryMapping, readsMap } from "./mapping.js";
import { type RawRow, readRow } from "./read-row.js";

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
  /** The first row that does not fit, quoted; rows of unknown origins do fit. */
  readonly misfit: string | undefined;
}

/** Longest quotation of a row, in characters. */
const MAX_QUOTE_LENGTH = 200;

/**
 * Reads an answer by the mapping; by default
 * `{"broadcasts":[{"stream_id","origin","viewer_count"?,"started_at"?,"lease"?}]}`.
 * A row that does not fit is skipped and counted.
 *
 * @throws {MoqError} `registry_html`, `registry_bad_json` or `registry_shape`, the last also when not one of the rows fits
 */
export function parseAnswer(
  body: Uint8Array,
  contentType: string | undefined,
  mapping: RegistryMapping = REFERENCE_MAPPING,
): ParsedAnswer {
  const answer = readAnswer(body, contentType, mapping);
  const { rows, skipped } = answer;
  const misfits = [...skipped].filter(([reason]) => reason !== "unknown_origin");
  const count = misfits.reduce((sum, [, each]) => sum + each, 0);
  if (rows > 0 && count === rows) {
    const reasons = misfits.map(([reason, each]) => `${each} ${reason}`).join(", ");
    throw shapeError(`none of the ${rows} rows fits (${reasons})`);
  }
  return answer;
}

/** Like {@link parseAnswer}, but an answer of which no row fits is one without entries. */
export function readAnswer(
  body: Uint8Array,
  contentType: string | undefined,
  mapping: RegistryMapping,
): ParsedAnswer {
  const rows = readRows(body, contentType, mapping);
  const byOrigin = new Map<string, Map<string, RegistryRow>>();
  const doubtful = new Set<string>();
  const skipped = new Map<SkipReason, number>();
  let duplicates = 0;
  let misfit: string | undefined;
  for (const row of rows) {
    const result = readRow(row, mapping);
    if ("skip" in result) {
      skipped.set(result.skip, (skipped.get(result.skip) ?? 0) + 1);
      if (result.skip !== "unknown_origin") misfit ??= `${quote(row)} (${result.skip})`;
      if (result.streamId !== undefined) doubtful.add(result.streamId);
      continue;
    }
    const entries = byOrigin.get(result.origin) ?? new Map<string, RegistryRow>();
    byOrigin.set(result.origin, entries);
    const known = entries.get(result.streamId);
    if (known) duplicates++;
    entries.set(result.streamId, known ? merge(known, result) : result);
  }
  return { byOrigin, doubtful, rows: rows.length, duplicates, skipped, misfit };
}

function quote({ key, value }: RawRow): string {
  const text = JSON.stringify(key === undefined ? value : { [key]: value });
  return text.length <= MAX_QUOTE_LENGTH ? text : `${text.slice(0, MAX_QUOTE_LENGTH)}…`;
}

function readRows(
  body: Uint8Array,
  contentType: string | undefined,
  mapping: RegistryMapping,
): readonly RawRow[] {
  const list = fieldOf(readJson(body, contentType), mapping.list);
  if (Array.isArray(list)) return list.map((value) => ({ key: undefined, value }));
  if (readsMap(mapping) && typeof list === "object" && list !== null) {
    return Object.entries(list).map(([key, value]) => ({ key, value }));
  }
  const name = mapping.list === "" ? "the answer" : `"${mapping.list}"`;
  const wanted = readsMap(mapping) ? "a list or an object" : "a list";
  throw shapeError(`${name} is missing or not ${wanted}`);
}

function readJson(body: Uint8Array, contentType: string | undefined): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
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

function shapeError(message: string): MoqError {
  return new MoqError("registry_shape", `answered JSON of another shape: ${message}`, {
    scope: "process",
  });
}
