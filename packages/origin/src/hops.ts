import { MoqError } from "@moq-bridge/runtime";
import type { Hops } from "./model.js";

/** Longest hop chain; a broadcast that came further is refused. */
export const MAX_HOPS = 32;

const MAX_HOP_ID = (1n << 62n) - 1n;

/**
 * `hops` if it is a chain: at most {@link MAX_HOPS} ids, each from 0 to
 * 2^62 − 1, none but 0 (unknown) twice.
 *
 * @throws {MoqError} `hops_invalid`
 */
export function checkHops(hops: Hops): Hops {
  if (hops.length > MAX_HOPS) throw invalid(`${hops.length} hops, at most ${MAX_HOPS} are allowed`);
  const seen = new Set<bigint>();
  for (const hop of hops) {
    if (hop < 0n || hop > MAX_HOP_ID) throw invalid("a hop id outside 0 to 2^62 - 1");
    if (hop !== 0n && seen.has(hop)) throw invalid("the same hop id twice");
    seen.add(hop);
  }
  return Object.freeze([...hops]);
}

/** Whether a broadcast that came over `hops` passed `originId` already: taking it again would be a loop. */
export function passedOrigin(hops: Hops, originId: bigint): boolean {
  return originId !== 0n && hops.includes(originId);
}

/**
 * The chain after one more hop.
 *
 * @throws {MoqError} `hops_invalid` when that makes it too long or a loop
 */
export function appendHop(hops: Hops, originId: bigint): Hops {
  return checkHops([...hops, originId]);
}

/** The id that names an instance: the first hop, unless it is unknown. */
export function instanceId(hops: Hops): bigint | undefined {
  const first = hops[0];
  return first === 0n ? undefined : first;
}

function invalid(what: string): MoqError {
  return new MoqError("hops_invalid", `the hop chain has ${what}`, { scope: "subscription" });
}
