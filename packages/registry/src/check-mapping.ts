import type { AnswerSource } from "./answer-source.js";
import type { RegistryMapping } from "./mapping.js";
import { readAnswer } from "./parse-answer.js";

/** Short, because a bridge starts after it. */
const LIMITS = { timeoutMs: 5_000, maxBytes: 4 * 1024 * 1024 };

/** What came of trying a mapping on a registry's answer. */
export type MappingCheck =
  /** Nothing to try it on: the registry is down, or answers something else just now. */
  | { readonly type: "unanswered"; readonly reason: string }
  /** Not one row fits. */
  | { readonly type: "misfit"; readonly reason: string }
  | {
      readonly type: "fits";
      readonly rows: number;
      readonly live: number;
      /** A row that does not fit, quoted. */
      readonly misfit: string | undefined;
    };

/** Asks a registry once and tries the mapping on its answer. */
export async function checkMapping(
  source: AnswerSource,
  mapping: RegistryMapping,
): Promise<MappingCheck> {
  let body: Uint8Array;
  let contentType: string | undefined;
  try {
    const answer = await source.get(LIMITS);
    if (answer.status !== 200) {
      return { type: "unanswered", reason: `answered with status ${answer.status}` };
    }
    body = answer.body;
    contentType = answer.headers["content-type"];
  } catch (error) {
    return { type: "unanswered", reason: error instanceof Error ? error.message : String(error) };
  }
  try {
    const { rows, byOrigin, skipped, misfit } = readAnswer(body, contentType, mapping);
    const fitting = rows - countMisfits(skipped);
    if (rows > 0 && fitting === 0) {
      return { type: "misfit", reason: `none of the ${rows} rows fits, the first is ${misfit}` };
    }
    return { type: "fits", rows, live: byOrigin.get("cloudflare")?.size ?? 0, misfit };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const type = (error as { readonly code?: unknown }).code;
    return { type: type === "registry_shape" ? "misfit" : "unanswered", reason };
  }
}

function countMisfits(skipped: ReadonlyMap<string, number>): number {
  let count = 0;
  for (const [reason, each] of skipped) if (reason !== "unknown_origin") count += each;
  return count;
}
