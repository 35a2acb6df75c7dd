import type { TrackDemand } from "./model.js";

/** What a subscriber that says nothing wants. */
export const DEFAULT_DEMAND: TrackDemand = { priority: 128 };

/** The demand of several readers: the highest priority, the lowest start group. */
export function mergeDemand(demands: Iterable<TrackDemand>): TrackDemand | undefined {
  let priority = -1;
  let startGroup = Number.POSITIVE_INFINITY;
  for (const demand of demands) {
    priority = Math.max(priority, demand.priority);
    startGroup = Math.min(startGroup, demand.startGroup ?? Number.POSITIVE_INFINITY);
  }
  if (priority < 0) return undefined;
  return startGroup === Number.POSITIVE_INFINITY ? { priority } : { priority, startGroup };
}

/** Whether both say the same. */
export function sameDemand(a: TrackDemand | undefined, b: TrackDemand | undefined): boolean {
  return a?.priority === b?.priority && a?.startGroup === b?.startGroup;
}
