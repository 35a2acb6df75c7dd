import { MAX_FULL_TRACK_NAME } from "./codes.js";
import { type TrackNamespace, utf8Length } from "./field.js";

/** What is wrong when the namespace and name together exceed 4,096 bytes (section 2.4.1). */
export function fullTrackNameExcess(
  namespace: TrackNamespace,
  trackName: string,
): string | undefined {
  // No character takes more than three bytes of UTF-8 for each of its UTF-16 units.
  let units = trackName.length;
  for (const field of namespace) units += field.length;
  if (units * 3 <= MAX_FULL_TRACK_NAME) return undefined;
  let size = utf8Length(trackName);
  for (const field of namespace) size += utf8Length(field);
  return size > MAX_FULL_TRACK_NAME
    ? `the full track name has ${size} bytes, more than ${MAX_FULL_TRACK_NAME}`
    : undefined;
}
