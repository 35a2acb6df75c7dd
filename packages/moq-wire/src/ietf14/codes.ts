/** Draft-14's version number in CLIENT_SETUP and SERVER_SETUP. */
export const DRAFT_14 = 0xff00_000e;

/** Codes that end a session (draft-14 section 3.4). */
export const SESSION_ERROR = {
  noError: 0x0,
  internalError: 0x1,
  unauthorized: 0x2,
  protocolViolation: 0x3,
  invalidRequestId: 0x4,
  duplicateTrackAlias: 0x5,
  keyValueFormatting: 0x6,
  tooManyRequests: 0x7,
  invalidPath: 0x8,
  malformedPath: 0x9,
  goawayTimeout: 0x10,
  controlMessageTimeout: 0x11,
  dataStreamTimeout: 0x12,
  authTokenCacheOverflow: 0x13,
  duplicateAuthTokenAlias: 0x14,
  versionNegotiationFailed: 0x15,
  malformedAuthToken: 0x16,
  unknownAuthTokenAlias: 0x17,
  expiredAuthToken: 0x18,
  invalidAuthority: 0x19,
  malformedAuthority: 0x1a,
} as const;

/** Codes shared by every *_ERROR message; PUBLISH_ERROR has all but those of tokens (sections 9.9, 9.15, 9.18, 9.25, 9.30). */
export const REQUEST_ERROR = {
  internalError: 0x0,
  unauthorized: 0x1,
  timeout: 0x2,
  notSupported: 0x3,
  malformedAuthToken: 0x10,
  expiredAuthToken: 0x12,
} as const;

/** SUBSCRIBE_ERROR and TRACK_STATUS_ERROR (section 9.9). */
export const SUBSCRIBE_ERROR = {
  ...REQUEST_ERROR,
  trackDoesNotExist: 0x4,
  invalidRange: 0x5,
} as const;

/** PUBLISH_ERROR (section 9.15). */
export const PUBLISH_ERROR = {
  internalError: 0x0,
  unauthorized: 0x1,
  timeout: 0x2,
  notSupported: 0x3,
  uninterested: 0x4,
} as const;

/** FETCH_ERROR (section 9.18). */
export const FETCH_ERROR = {
  ...REQUEST_ERROR,
  trackDoesNotExist: 0x4,
  invalidRange: 0x5,
  noObjects: 0x6,
  invalidJoiningRequestId: 0x7,
  unknownStatusInRange: 0x8,
  malformedTrack: 0x9,
} as const;

/** PUBLISH_NAMESPACE_ERROR and PUBLISH_NAMESPACE_CANCEL (section 9.25). */
export const PUBLISH_NAMESPACE_ERROR = { ...REQUEST_ERROR, uninterested: 0x4 } as const;

/** SUBSCRIBE_NAMESPACE_ERROR (section 9.30). */
export const SUBSCRIBE_NAMESPACE_ERROR = {
  ...REQUEST_ERROR,
  prefixUnknown: 0x4,
  prefixOverlap: 0x5,
} as const;

/** Status codes of PUBLISH_DONE (section 9.12). */
export const PUBLISH_DONE_STATUS = {
  internalError: 0x0,
  unauthorized: 0x1,
  trackEnded: 0x2,
  subscriptionEnded: 0x3,
  goingAway: 0x4,
  expired: 0x5,
  tooFarBehind: 0x6,
  malformedTrack: 0x7,
} as const;

/** Codes of RESET_STREAM and STOP_SENDING on data streams (section 10.4.3). */
export const STREAM_ERROR = {
  internalError: 0x0,
  cancelled: 0x1,
  deliveryTimeout: 0x2,
  sessionClosed: 0x3,
} as const;

/** Parameters of CLIENT_SETUP and SERVER_SETUP (section 9.3.1). */
export const SETUP_PARAMETER = {
  path: 0x1n,
  maxRequestId: 0x2n,
  authorizationToken: 0x3n,
  maxAuthTokenCacheSize: 0x4n,
  /** Draft-14 prints this number for MOQT_IMPLEMENTATION as well. */
  authority: 0x5n,
  /** The number of later drafts, in use by draft-14 peers. */
  moqtImplementation: 0x7n,
} as const;

/** Parameters of every other message (section 9.2.1). */
export const MESSAGE_PARAMETER = {
  deliveryTimeout: 0x2n,
  authorizationToken: 0x3n,
  maxCacheDuration: 0x4n,
} as const;

/** Object statuses (section 10.2.1.1). */
export const OBJECT_STATUS = {
  normal: 0x0,
  doesNotExist: 0x1,
  endOfGroup: 0x3,
  endOfTrack: 0x4,
} as const;

/** Types of an object's extensions (section 11). */
export const EXTENSION = {
  /** Extensions that no relay may change, one after the other. */
  immutable: 0xbn,
  /** Groups before this one that do not exist. */
  priorGroupGap: 0x3cn,
  /** Objects before this one, in its group, that do not exist. */
  priorObjectGap: 0x3en,
} as const;

/** Most bytes of a control message's payload (section 9). */
export const MAX_CONTROL_PAYLOAD = 0xffff;
/** Most fields of a track namespace (section 2.4.1). */
export const MAX_NAMESPACE_FIELDS = 32;
/** Most bytes of all namespace fields and the track name together (section 2.4.1). */
export const MAX_FULL_TRACK_NAME = 4096;
/** Most bytes of a reason phrase (section 1.4.3). */
export const MAX_REASON_PHRASE = 1024;
/** Most bytes of a GOAWAY URI (section 9.4). */
export const MAX_GOAWAY_URI = 8192;
/** Most bytes of one odd Key-Value-Pair's value (section 1.4.2). */
export const MAX_PARAMETER_BYTES = 0xffff;
/** PUBLISH_DONE stream count of a publisher that did not count (section 9.12). */
export const STREAM_COUNT_UNKNOWN = (1n << 62n) - 1n;
