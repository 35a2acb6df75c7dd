import { describe, expect, it } from "vitest";
import * as codes from "./codes.js";
import { CONTROL_MESSAGE_CODES } from "./control-message.js";
import { messageArbitraries } from "./messages.fixture.js";

/** Copied from the draft's tables by hand, in their order. */
const CONTROL_MESSAGES = {
  client_setup: 0x20,
  server_setup: 0x21,
  goaway: 0x10,
  max_request_id: 0x15,
  requests_blocked: 0x1a,
  subscribe: 0x3,
  subscribe_ok: 0x4,
  subscribe_error: 0x5,
  subscribe_update: 0x2,
  unsubscribe: 0xa,
  publish_done: 0xb,
  publish: 0x1d,
  publish_ok: 0x1e,
  publish_error: 0x1f,
  fetch: 0x16,
  fetch_ok: 0x18,
  fetch_error: 0x19,
  fetch_cancel: 0x17,
  track_status: 0xd,
  track_status_ok: 0xe,
  track_status_error: 0xf,
  publish_namespace: 0x6,
  publish_namespace_ok: 0x7,
  publish_namespace_error: 0x8,
  publish_namespace_done: 0x9,
  publish_namespace_cancel: 0xc,
  subscribe_namespace: 0x11,
  subscribe_namespace_ok: 0x12,
  subscribe_namespace_error: 0x13,
  unsubscribe_namespace: 0x14,
};

describe("the control messages", () => {
  it("are those of the draft, with its numbers", () => {
    expect(CONTROL_MESSAGE_CODES).toEqual(CONTROL_MESSAGES);
  });

  it("are all under the properties", () => {
    const tested = messageArbitraries.map(([type]) => type);
    expect(tested.sort()).toEqual(Object.keys(CONTROL_MESSAGES).sort());
  });
});

const shared = { internalError: 0, unauthorized: 1, timeout: 2, notSupported: 3 };
const tokens = { malformedAuthToken: 0x10, expiredAuthToken: 0x12 };

it.each([
  [
    "SESSION_ERROR",
    codes.SESSION_ERROR,
    {
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
    },
  ],
  ["REQUEST_ERROR", codes.REQUEST_ERROR, { ...shared, ...tokens }],
  [
    "SUBSCRIBE_ERROR",
    codes.SUBSCRIBE_ERROR,
    { ...shared, ...tokens, trackDoesNotExist: 4, invalidRange: 5 },
  ],
  ["PUBLISH_ERROR", codes.PUBLISH_ERROR, { ...shared, uninterested: 4 }],
  [
    "PUBLISH_NAMESPACE_ERROR",
    codes.PUBLISH_NAMESPACE_ERROR,
    { ...shared, ...tokens, uninterested: 4 },
  ],
  [
    "SUBSCRIBE_NAMESPACE_ERROR",
    codes.SUBSCRIBE_NAMESPACE_ERROR,
    { ...shared, ...tokens, prefixUnknown: 4, prefixOverlap: 5 },
  ],
  [
    "FETCH_ERROR",
    codes.FETCH_ERROR,
    {
      ...shared,
      ...tokens,
      trackDoesNotExist: 4,
      invalidRange: 5,
      noObjects: 6,
      invalidJoiningRequestId: 7,
      unknownStatusInRange: 8,
      malformedTrack: 9,
    },
  ],
  [
    "PUBLISH_DONE_STATUS",
    codes.PUBLISH_DONE_STATUS,
    {
      internalError: 0,
      unauthorized: 1,
      trackEnded: 2,
      subscriptionEnded: 3,
      goingAway: 4,
      expired: 5,
      tooFarBehind: 6,
      malformedTrack: 7,
    },
  ],
  [
    "STREAM_ERROR",
    codes.STREAM_ERROR,
    { internalError: 0, cancelled: 1, deliveryTimeout: 2, sessionClosed: 3 },
  ],
  [
    "SETUP_PARAMETER",
    codes.SETUP_PARAMETER,
    {
      path: 1n,
      maxRequestId: 2n,
      authorizationToken: 3n,
      maxAuthTokenCacheSize: 4n,
      authority: 5n,
      moqtImplementation: 7n,
    },
  ],
  [
    "MESSAGE_PARAMETER",
    codes.MESSAGE_PARAMETER,
    { deliveryTimeout: 2n, authorizationToken: 3n, maxCacheDuration: 4n },
  ],
  [
    "OBJECT_STATUS",
    codes.OBJECT_STATUS,
    { normal: 0, doesNotExist: 1, endOfGroup: 3, endOfTrack: 4 },
  ],
  ["EXTENSION", codes.EXTENSION, { immutable: 0xbn, priorGroupGap: 0x3cn, priorObjectGap: 0x3en }],
] as const)("%s has the draft's numbers", (_name, table, expected) => {
  expect(table).toEqual(expected);
});
