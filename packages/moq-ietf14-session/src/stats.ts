import { DurationHistogram } from "@moq-bridge/runtime";

/** What a session did so far; the last four are what is so at present. */
export interface Ietf14Stats {
  /** Bytes of all streams. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly groupsSent: number;
  readonly groupsReceived: number;
  readonly objectsSent: number;
  readonly objectsReceived: number;
  /** Groups a peer's subscription did not get, whole or in part, because its reader was behind. */
  readonly groupsSkipped: number;
  /** Small groups whose stream was reset for the next before the peer confirmed them; it has most of them. */
  readonly groupsUnconfirmed: number;
  /** Data streams the peer did not admit in time; each ended its subscription. */
  readonly streamOpenTimeouts: number;
  /** Groups that ended inside an object or with a reset. */
  readonly groupsTruncated: number;
  /** Groups that came and were not wanted: known already, or too old. */
  readonly groupsUnwanted: number;
  /** Object IDs missing inside groups. */
  readonly objectGaps: number;
  /** Objects whose extensions were dropped. */
  readonly extensionsDropped: number;
  /** Objects with a status other than normal, dropped. */
  readonly statusObjectsDropped: number;
  /** Streams of subgroups other than 0, dropped. */
  readonly subgroupsDropped: number;
  /** Objects that came as datagrams and were kept. */
  readonly datagramsReceived: number;
  /** Datagrams of no known track, or later than something newer of their track; dropped. */
  readonly datagramsDropped: number;
  /** Streams whose alias no SUBSCRIBE_OK explained in time, dropped. */
  readonly unknownAliases: number;
  /** Numbers above 2^53 - 1 and names that are not UTF-8. */
  readonly unsupported: number;
  /** Messages for requests that are over. */
  readonly strayMessages: number;
  /** Requests made by us, and by the peer. */
  readonly requestsSent: number;
  readonly requestsReceived: number;
  /** Requests that wait for the peer to allow more. */
  readonly requestsBlocked: number;
  /** Data streams open at present, in either direction. */
  readonly openSendStreams: number;
  readonly openRecvStreams: number;
  /** Subscriptions of ours, and of the peer, at present. */
  readonly subscriptions: number;
  readonly servedSubscriptions: number;
  /** From the reading of each frame's header off the network to its hand-over to this transport; not of frames older than the subscription. */
  readonly addedLatency: DurationHistogram;
}

/** The counters while they count. */
export type Counters = { -readonly [Name in keyof Ietf14Stats]: Ietf14Stats[Name] };

/** All zero. */
export function newCounters(): Counters {
  return {
    bytesSent: 0,
    bytesReceived: 0,
    groupsSent: 0,
    groupsReceived: 0,
    objectsSent: 0,
    objectsReceived: 0,
    groupsSkipped: 0,
    groupsUnconfirmed: 0,
    streamOpenTimeouts: 0,
    groupsTruncated: 0,
    groupsUnwanted: 0,
    objectGaps: 0,
    extensionsDropped: 0,
    statusObjectsDropped: 0,
    subgroupsDropped: 0,
    datagramsReceived: 0,
    datagramsDropped: 0,
    unknownAliases: 0,
    unsupported: 0,
    strayMessages: 0,
    requestsSent: 0,
    requestsReceived: 0,
    requestsBlocked: 0,
    openSendStreams: 0,
    openRecvStreams: 0,
    subscriptions: 0,
    servedSubscriptions: 0,
    addedLatency: new DurationHistogram(),
  };
}
