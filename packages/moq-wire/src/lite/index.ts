export {
  type Announce,
  type AnnounceInit,
  type AnnounceOk,
  type AnnounceRequest,
  type AnnounceTarget,
  decodeAnnounce,
  decodeAnnounceInit,
  decodeAnnounceOk,
  decodeAnnounceRequest,
  encodeAnnounce,
  encodeAnnounceInit,
  encodeAnnounceOk,
  encodeAnnounceRequest,
  type RouteCost,
} from "./announce.js";
export {
  decodeGoaway,
  decodeProbe,
  decodeSessionInfo,
  encodeGoaway,
  encodeProbe,
  encodeSessionInfo,
  type Goaway,
  type Probe,
  type SessionInfo,
} from "./control.js";
export { decodeFetch, encodeFetch, type Fetch } from "./fetch.js";
export { normalizePath } from "./fields.js";
export {
  type Datagram,
  decodeDatagram,
  decodeFrameHeader,
  decodeGroupHeader,
  encodeDatagram,
  encodeFrameHeader,
  encodeGroupHeader,
  type FrameHeader,
  type GroupHeader,
} from "./group.js";
export { type GroupEvent, GroupReader } from "./group-reader.js";
export * from "./limits.js";
export {
  type ClientSetup,
  decodeClientSetup,
  decodeServerSetup,
  encodeClientSetup,
  encodeServerSetup,
  type ServerSetup,
  type SetupParameter,
} from "./setup-exchange.js";
export { decodeSetup, encodeSetup, type Setup, type UnknownParameter } from "./setup-stream.js";
export {
  BIDI_STREAM,
  decodeStreamType,
  encodeStreamType,
  UNI_STREAM,
} from "./stream-type.js";
export {
  decodeSubscribe,
  decodeSubscribeReply,
  decodeSubscribeUpdate,
  encodeSubscribe,
  encodeSubscribeReply,
  encodeSubscribeUpdate,
  type Subscribe,
  type SubscribeOptions,
  type SubscribeReply,
} from "./subscribe.js";
export {
  decodeTrackInfo,
  decodeTrackRequest,
  encodeTrackInfo,
  encodeTrackRequest,
  type TrackInfo,
  type TrackRequest,
} from "./track.js";
export * from "./version.js";
