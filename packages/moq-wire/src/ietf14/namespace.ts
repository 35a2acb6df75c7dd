import { reasonPhrase, trackNamespace, trackNamespacePrefix, varint } from "./field.js";
import { defineMessage, type MessageOf } from "./message.js";
import { messageParameters } from "./parameters.js";
import { requestErrorFields } from "./subscribe.js";

/** Section 9.23. */
export const publishNamespace = defineMessage("publish_namespace", 0x06, {
  requestId: varint,
  trackNamespace,
  parameters: messageParameters,
});

/** Section 9.24. */
export const publishNamespaceOk = defineMessage("publish_namespace_ok", 0x07, {
  requestId: varint,
});

/** Section 9.25. */
export const publishNamespaceError = defineMessage(
  "publish_namespace_error",
  0x08,
  requestErrorFields,
);

/** Section 9.26. */
export const publishNamespaceDone = defineMessage("publish_namespace_done", 0x09, {
  trackNamespace,
});

/** Section 9.27. */
export const publishNamespaceCancel = defineMessage("publish_namespace_cancel", 0x0c, {
  trackNamespace,
  errorCode: varint,
  errorReason: reasonPhrase,
});

/** Section 9.28. */
export const subscribeNamespace = defineMessage("subscribe_namespace", 0x11, {
  requestId: varint,
  trackNamespacePrefix,
  parameters: messageParameters,
});

/** Section 9.29. */
export const subscribeNamespaceOk = defineMessage("subscribe_namespace_ok", 0x12, {
  requestId: varint,
});

/** Section 9.30. */
export const subscribeNamespaceError = defineMessage(
  "subscribe_namespace_error",
  0x13,
  requestErrorFields,
);

/** Section 9.31. */
export const unsubscribeNamespace = defineMessage("unsubscribe_namespace", 0x14, {
  trackNamespacePrefix,
});

/** The sender has tracks in this namespace. */
export type PublishNamespace = MessageOf<typeof publishNamespace>;
/** Accepts a namespace. */
export type PublishNamespaceOk = MessageOf<typeof publishNamespaceOk>;
/** Refuses a namespace. */
export type PublishNamespaceError = MessageOf<typeof publishNamespaceError>;
/** The publisher withdraws a namespace. */
export type PublishNamespaceDone = MessageOf<typeof publishNamespaceDone>;
/** The subscriber gives back a namespace it had accepted. */
export type PublishNamespaceCancel = MessageOf<typeof publishNamespaceCancel>;
/** Asks to be told of namespaces under a prefix. */
export type SubscribeNamespace = MessageOf<typeof subscribeNamespace>;
/** Accepts {@link SubscribeNamespace}. */
export type SubscribeNamespaceOk = MessageOf<typeof subscribeNamespaceOk>;
/** Refuses {@link SubscribeNamespace}. */
export type SubscribeNamespaceError = MessageOf<typeof subscribeNamespaceError>;
/** Ends {@link SubscribeNamespace}. */
export type UnsubscribeNamespace = MessageOf<typeof unsubscribeNamespace>;
