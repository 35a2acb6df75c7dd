import {
  chosenGroupOrder,
  type Field,
  flag,
  groupOrder,
  type Location,
  location,
  nameText,
  octet,
  type TrackNamespace,
  trackNamespace,
  unencodable,
  varint,
  violation,
} from "./field.js";
import { fullTrackNameExcess } from "./full-track-name.js";
import { defineMessage, type MessageOf } from "./message.js";
import { messageParameters } from "./parameters.js";
import { requestErrorFields } from "./subscribe.js";

/** What a FETCH wants (section 9.16). A range's `end.object` is one more than the last, 0 for the whole group. */
export type FetchRange =
  | {
      readonly type: "standalone";
      readonly trackNamespace: TrackNamespace;
      readonly trackName: string;
      readonly start: Location;
      readonly end: Location;
    }
  | {
      readonly type: "relative_joining" | "absolute_joining";
      readonly joiningRequestId: number;
      readonly joiningStart: number;
    };

const FETCH_CODES = { standalone: 1, relative_joining: 2, absolute_joining: 3 } as const;

const fetchRange: Field<FetchRange> = {
  read(cursor, name) {
    const offset = cursor.offset;
    const code = cursor.varintBig(name);
    if (code === 1n) {
      const range = {
        type: "standalone",
        trackNamespace: trackNamespace.read(cursor, "trackNamespace"),
        trackName: nameText.read(cursor, "trackName"),
        start: location.read(cursor, "startLocation"),
        end: location.read(cursor, "endLocation"),
      } as const;
      const excess = fullTrackNameExcess(range.trackNamespace, range.trackName);
      if (excess) throw violation("trackName", offset, excess);
      return range;
    }
    if (code !== 2n && code !== 3n) throw violation(name, offset, `fetch type ${code} is unknown`);
    return {
      type: code === 2n ? "relative_joining" : "absolute_joining",
      joiningRequestId: cursor.varint("joiningRequestId"),
      joiningStart: cursor.varint("joiningStart"),
    };
  },
  write(writer, value, name) {
    writer.varint(FETCH_CODES[value.type], name);
    if (value.type !== "standalone") {
      writer.varint(value.joiningRequestId, "joiningRequestId");
      writer.varint(value.joiningStart, "joiningStart");
      return;
    }
    const excess = fullTrackNameExcess(value.trackNamespace, value.trackName);
    if (excess) throw unencodable("trackName", excess);
    trackNamespace.write(writer, value.trackNamespace, "trackNamespace");
    nameText.write(writer, value.trackName, "trackName");
    location.write(writer, value.start, "startLocation");
    location.write(writer, value.end, "endLocation");
  },
};

/** Section 9.16. */
export const fetch = defineMessage("fetch", 0x16, {
  requestId: varint,
  subscriberPriority: octet,
  groupOrder,
  range: fetchRange,
  parameters: messageParameters,
});

/** Section 9.17. */
export const fetchOk = defineMessage("fetch_ok", 0x18, {
  requestId: varint,
  groupOrder: chosenGroupOrder,
  endOfTrack: flag,
  endLocation: location,
  parameters: messageParameters,
});

/** Section 9.18. */
export const fetchError = defineMessage("fetch_error", 0x19, requestErrorFields);

/** Section 9.19. */
export const fetchCancel = defineMessage("fetch_cancel", 0x17, { requestId: varint });

/** Asks for past objects. */
export type Fetch = MessageOf<typeof fetch>;
/** Accepts {@link Fetch}. */
export type FetchOk = MessageOf<typeof fetchOk>;
/** Refuses {@link Fetch}. */
export type FetchError = MessageOf<typeof fetchError>;
/** Gives up {@link Fetch}. */
export type FetchCancel = MessageOf<typeof fetchCancel>;
