export * from "./codes.js";
export {
  CONTROL_MESSAGE_CODES,
  type ControlMessage,
  type ControlMessageOf,
  type ControlMessageType,
  ControlReader,
  decodeControlMessage,
  encodeControlMessage,
  type UnsupportedMessage,
} from "./control-message.js";
export { decodeDatagram, encodeDatagram, type ObjectDatagram } from "./datagram.js";
export type { Fetch, FetchCancel, FetchError, FetchOk, FetchRange } from "./fetch.js";
export {
  encodeFetchHeader,
  encodeFetchObjectHeader,
  type FetchEvent,
  type FetchHeader,
  type FetchObjectHeader,
  FetchReader,
} from "./fetch-stream.js";
export type { GroupOrder, Location, TrackNamespace } from "./field.js";
export { fullTrackNameExcess } from "./full-track-name.js";
export type { LongNames } from "./message.js";
export type {
  PublishNamespace,
  PublishNamespaceCancel,
  PublishNamespaceDone,
  PublishNamespaceError,
  PublishNamespaceOk,
  SubscribeNamespace,
  SubscribeNamespaceError,
  SubscribeNamespaceOk,
  UnsubscribeNamespace,
} from "./namespace.js";
export {
  type AuthorizationToken,
  bytesParameter,
  decodeAuthorizationToken,
  decodeExtensions,
  encodeAuthorizationToken,
  encodeExtensions,
  numberParameter,
  type Parameter,
} from "./parameters.js";
export type { Publish, PublishError, PublishOk } from "./publish.js";
export type {
  ClientSetup,
  Goaway,
  MaxRequestId,
  RequestsBlocked,
  ServerSetup,
} from "./setup.js";
export {
  encodeObjectHeader,
  encodeSubgroupHeader,
  isSubgroupType,
  type ObjectHeader,
  readSubgroupHeader,
  type SubgroupHeader,
} from "./subgroup.js";
export { MAX_EXTENSION_BYTES, type SubgroupEvent, SubgroupReader } from "./subgroup-reader.js";
export type {
  PublishDone,
  Subscribe,
  SubscribeError,
  SubscribeOk,
  SubscribeUpdate,
  SubscriptionFilter,
  TrackStatus,
  TrackStatusError,
  TrackStatusOk,
  Unsubscribe,
} from "./subscribe.js";
