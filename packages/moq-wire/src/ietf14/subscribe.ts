import {
  bigVarint,
  chosenGroupOrder,
  type Field,
  flag,
  groupOrder,
  type Location,
  largestLocation,
  location,
  nameText,
  octet,
  reasonPhrase,
  trackNamespace,
  varint,
  violation,
} from "./field.js";
import { defineMessage, type MessageOf } from "./message.js";
import { messageParameters } from "./parameters.js";

/** Which objects a subscriber wants (section 9.7). `endGroup` is included. */
export type SubscriptionFilter =
  | { readonly type: "next_group_start" }
  | { readonly type: "largest_object" }
  | { readonly type: "absolute_start"; readonly start: Location }
  | { readonly type: "absolute_range"; readonly start: Location; readonly endGroup: number };

const FILTER_CODES = {
  next_group_start: 1,
  largest_object: 2,
  absolute_start: 3,
  absolute_range: 4,
} as const;

/** The filter type and what it brings along. */
export const subscriptionFilter: Field<SubscriptionFilter> = {
  read(cursor, name) {
    const offset = cursor.offset;
    const code = cursor.varintBig(name);
    if (code === 1n) return { type: "next_group_start" };
    if (code === 2n) return { type: "largest_object" };
    if (code !== 3n && code !== 4n) throw violation(name, offset, `filter type ${code} is unknown`);
    const start = location.read(cursor, "startLocation");
    if (code === 3n) return { type: "absolute_start", start };
    return { type: "absolute_range", start, endGroup: cursor.varint("endGroup") };
  },
  write(writer, value, name) {
    writer.varint(FILTER_CODES[value.type], name);
    if (value.type === "absolute_start" || value.type === "absolute_range") {
      location.write(writer, value.start, "startLocation");
    }
    if (value.type === "absolute_range") writer.varint(value.endGroup, "endGroup");
  },
};

const subscribeFields = {
  requestId: varint,
  trackNamespace,
  trackName: nameText,
  subscriberPriority: octet,
  groupOrder,
  forward: flag,
  filter: subscriptionFilter,
  parameters: messageParameters,
};

const subscribeOkFields = {
  requestId: varint,
  trackAlias: varint,
  /** Milliseconds, 0 for never. */
  expires: bigVarint,
  groupOrder: chosenGroupOrder,
  largestLocation,
  parameters: messageParameters,
};

/** Every *_ERROR message looks like this. */
export const requestErrorFields = {
  requestId: varint,
  errorCode: varint,
  errorReason: reasonPhrase,
};

/** Section 9.7. */
export const subscribe = defineMessage("subscribe", 0x03, subscribeFields);

/** Section 9.8. */
export const subscribeOk = defineMessage("subscribe_ok", 0x04, subscribeOkFields);

/** Section 9.9. */
export const subscribeError = defineMessage("subscribe_error", 0x05, requestErrorFields);

/** Section 9.10. `endGroup` is the last group wanted plus 1; 0 leaves the end open. */
export const subscribeUpdate = defineMessage("subscribe_update", 0x02, {
  requestId: varint,
  subscriptionRequestId: varint,
  startLocation: location,
  endGroup: varint,
  subscriberPriority: octet,
  forward: flag,
  parameters: messageParameters,
});

/** Section 9.11. */
export const unsubscribe = defineMessage("unsubscribe", 0x0a, { requestId: varint });

/** Section 9.12. */
export const publishDone = defineMessage("publish_done", 0x0b, {
  requestId: varint,
  statusCode: varint,
  streamCount: bigVarint,
  errorReason: reasonPhrase,
});

/** Section 9.20. */
export const trackStatus = defineMessage("track_status", 0x0d, subscribeFields);

/** Section 9.21. The alias is 0. */
export const trackStatusOk = defineMessage("track_status_ok", 0x0e, subscribeOkFields);

/** Section 9.22. */
export const trackStatusError = defineMessage("track_status_error", 0x0f, requestErrorFields);

/** Asks for a track's objects. */
export type Subscribe = MessageOf<typeof subscribe>;
/** The subscription is served, under the alias given. */
export type SubscribeOk = MessageOf<typeof subscribeOk>;
/** The subscription is refused. */
export type SubscribeError = MessageOf<typeof subscribeError>;
/** Narrows a subscription; never answered. */
export type SubscribeUpdate = MessageOf<typeof subscribeUpdate>;
/** The subscriber wants no more. */
export type Unsubscribe = MessageOf<typeof unsubscribe>;
/** The publisher sends no more; every stream of the subscription is closed. */
export type PublishDone = MessageOf<typeof publishDone>;
/** Asks what {@link SubscribeOk} would say, without subscribing. */
export type TrackStatus = MessageOf<typeof trackStatus>;
/** Answers {@link TrackStatus}. */
export type TrackStatusOk = MessageOf<typeof trackStatusOk>;
/** Refuses {@link TrackStatus}. */
export type TrackStatusError = MessageOf<typeof trackStatusError>;
