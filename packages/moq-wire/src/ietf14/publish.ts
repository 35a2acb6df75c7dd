import {
  chosenGroupOrder,
  flag,
  largestLocation,
  nameText,
  octet,
  trackNamespace,
  varint,
} from "./field.js";
import { defineMessage, type MessageOf } from "./message.js";
import { messageParameters } from "./parameters.js";
import { requestErrorFields, subscriptionFilter } from "./subscribe.js";

/** Section 9.13. */
export const publish = defineMessage("publish", 0x1d, {
  requestId: varint,
  trackNamespace,
  trackName: nameText,
  trackAlias: varint,
  groupOrder: chosenGroupOrder,
  largestLocation,
  forward: flag,
  parameters: messageParameters,
});

/** Section 9.14. */
export const publishOk = defineMessage("publish_ok", 0x1e, {
  requestId: varint,
  forward: flag,
  subscriberPriority: octet,
  groupOrder: chosenGroupOrder,
  filter: subscriptionFilter,
  parameters: messageParameters,
});

/** Section 9.15. */
export const publishError = defineMessage("publish_error", 0x1f, requestErrorFields);

/** Offers a track unasked. */
export type Publish = MessageOf<typeof publish>;
/** Accepts {@link Publish}. */
export type PublishOk = MessageOf<typeof publishOk>;
/** Refuses {@link Publish}. */
export type PublishError = MessageOf<typeof publishError>;
