import { MAX_FULL_TRACK_NAME } from "./codes.js";
import { type TrackNamespace, utf8Length } from "./field.js";

/** What is wrong when the namespace and name together exceed 4,096 bytes (section 2.4.1). */
export function fullTrackNameExcess(
  namespace: TrackNamespace,
  trackName: string,
): string | undefined {
  let size = utf8Length(trackName);
  for (const field of namespace) size += utf8Length(field);
  return size > MAX_FULL_TRACK_NAME
    ? `the full track name has ${size} bytes, more than ${MAX_FULL_TRACK_NAME}`
    : undefined;
}
