import type { ControlMessageType } from "@moq-bridge/moq-wire/ietf14";

/**
 * Groups of one object each that follow each other quickly, as audio is often
 * sent. A packet lost and sent again lets a group overtake the one before, for
 * which some peers end the track. So the next one is opened only when the peer
 * has the one before, or when that one was reset, which keeps it from being
 * sent again.
 */
export interface SmallGroupRule {
  /** The rule is for groups that come faster than this, a second. */
  readonly perSecond: number;
  /** For how much of the time between two groups a stream is left to itself, before the next group resets it: 0 to 1. */
  readonly graceShare: number;
}

/**
 * What is assumed of a peer, as data. Nothing in this package asks a peer's
 * name: it asks the profile.
 */
export interface PeerProfile {
  readonly name: string;
  /** Control messages this peer may be sent; no other ever is. */
  readonly sends: ReadonlySet<ControlMessageType>;
  /**
   * First request ID refused to the peer, as granted in our SETUP (section 9.3.1). Each side uses
   * every second ID, so half of it is what the peer may have open at once.
   */
  readonly grantedRequests: bigint;
  /** Whether MAX_REQUEST_ID binds us. False: the peer announces a limit and does not mean it. */
  readonly obeysRequestLimit: boolean;
  /** Milliseconds for SETUP to be answered. */
  readonly setupTimeoutMs: number;
  /** Milliseconds for any request to be answered. */
  readonly requestTimeoutMs: number;
  /**
   * What a request unanswered for that long ends: itself, or the session,
   * unless the peer answered a later request. A peer that is silent from some
   * request on will not answer the next ones either.
   */
  readonly unansweredRequest: "ends_request" | "ends_session";
  /** What the end of the peer's control stream is: a fault, or its way to end a session. */
  readonly controlFin: "violation" | "session_end";
  /** What a second SUBSCRIBE of the peer is to a track it has: a fault (section 9.7), or served as the first. */
  readonly secondSubscription: "violation" | "served";
  /** What a stream's FIN inside an object is: a fault (section 10.4), or the end of a group that breaks off. */
  readonly finInsideObject: "violation" | "truncated_group";
  /**
   * What a full track name above 4,096 bytes is: a fault (section 2.4.1), or a request that is refused, for
   * relays that pass on whatever their viewers ask for.
   */
  readonly longNames: "violation" | "unsupported";
  /** Whether PATH or AUTHORITY in a SETUP that did not come over raw QUIC ends the session. */
  readonly refusesSetupAddress: boolean;
  /** Whether SUBSCRIBE_NAMESPACE may have a prefix of no fields, for everything; the draft has no such form. */
  readonly takesEmptyPrefix: boolean;
  /** The filter of our SUBSCRIBEs. */
  readonly filter: "largest_object" | "next_group_start";
  /** Whether a group wanted by number is asked for with an AbsoluteStart filter. */
  readonly asksForStartGroup: boolean;
  /** The priority byte of our subgroups: the track's, or this one always (0 to 255, lower first). */
  readonly publisherPriority: number | "track";
  /** Milliseconds between the openings of two groups of one subscription, at least. */
  readonly groupGapMs: number;
  /** How small groups are kept in order; absent: they need no care. */
  readonly smallGroups: SmallGroupRule | undefined;
  /**
   * Names of tracks (`*` stands for any characters) that are written once in
   * a long while: the stream of their newest group stays open, for peers that
   * give those who join later only what is open.
   */
  readonly writeOnceTracks: readonly string[];
  /** Data streams the peer lets us have unfinished at once. */
  readonly maxOpenStreams: number;
  /** Milliseconds the peer may take to admit one more data stream. */
  readonly openStreamTimeoutMs: number;
  /** Whether PUBLISH_DONE's stream count from this peer is true. */
  readonly countsStreams: boolean;
  /** Whether a refused PUBLISH_NAMESPACE is followed by DONE when withdrawn: the peer keeps refused names. */
  readonly doneAfterError: boolean;
  /** Whether the peer answers PUBLISH_NAMESPACE_DONE with a CANCEL. */
  readonly cancelFollowsDone: boolean;
  /** Milliseconds for that CANCEL to come; until then the name is not published again. */
  readonly cancelTimeoutMs: number;
  /** Milliseconds a refused name rests after its DONE before it is published again. */
  readonly namespaceRestMs: number;
}

/** Messages on which moq-relay ends the session or a subscription. */
const UNKNOWN_TO_MOQ_RELAY: ReadonlySet<ControlMessageType> = new Set([
  "goaway",
  "requests_blocked",
  "subscribe_update",
  "max_request_id",
  "track_status",
]);

/** A peer that follows draft-14. */
export const standard: PeerProfile = {
  name: "standard",
  sends: new Set<ControlMessageType>([
    "client_setup",
    "server_setup",
    "goaway",
    "max_request_id",
    "requests_blocked",
    "subscribe",
    "subscribe_ok",
    "subscribe_error",
    "subscribe_update",
    "unsubscribe",
    "publish_done",
    "publish_error",
    "fetch_error",
    "track_status",
    "track_status_ok",
    "track_status_error",
    "publish_namespace",
    "publish_namespace_ok",
    "publish_namespace_error",
    "publish_namespace_done",
    "publish_namespace_cancel",
    "subscribe_namespace",
    "subscribe_namespace_ok",
    "subscribe_namespace_error",
    "unsubscribe_namespace",
  ]),
  grantedRequests: 20_000n,
  obeysRequestLimit: true,
  setupTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  unansweredRequest: "ends_request",
  controlFin: "violation",
  secondSubscription: "violation",
  finInsideObject: "violation",
  longNames: "violation",
  refusesSetupAddress: true,
  takesEmptyPrefix: false,
  filter: "next_group_start",
  asksForStartGroup: true,
  publisherPriority: "track",
  groupGapMs: 0,
  smallGroups: undefined,
  writeOnceTracks: [],
  maxOpenStreams: 1_000,
  openStreamTimeoutMs: 10_000,
  countsStreams: true,
  doneAfterError: false,
  cancelFollowsDone: false,
  cancelTimeoutMs: 0,
  namespaceRestMs: 0,
};

/** moq-relay of the moq-lite project where it speaks draft-14 (0.17.10 and 0.10.0, measured). */
export const moqRelay: PeerProfile = {
  ...standard,
  name: "moq-relay",
  // It is never told of more.
  grantedRequests: 1n << 32n,
  takesEmptyPrefix: true,
  secondSubscription: "served",
  finInsideObject: "truncated_group",
  longNames: "unsupported",
  sends: new Set([...standard.sends].filter((type) => !UNKNOWN_TO_MOQ_RELAY.has(type))),
  filter: "largest_object",
  asksForStartGroup: false,
  countsStreams: false,
};

/**
 * Cloudflare's draft-14 relay and the clients built on its library
 * (moq-relay-ietf 0.7.19, measured): it ends a session on some legal
 * messages, never raises its request limit nor means it, skips groups that
 * come in bursts, and serves data of priority byte 0 last, which keeps its
 * control stream quick.
 */
export const cloudflare: PeerProfile = {
  name: "cloudflare",
  sends: new Set<ControlMessageType>([
    "client_setup",
    "server_setup",
    "subscribe",
    "subscribe_ok",
    "subscribe_error",
    "unsubscribe",
    "publish_done",
    "publish_error",
    "fetch_error",
    "track_status",
    "track_status_ok",
    "track_status_error",
    "publish_namespace",
    "publish_namespace_ok",
    "publish_namespace_error",
    "publish_namespace_done",
    "publish_namespace_cancel",
    "subscribe_namespace_ok",
    "subscribe_namespace_error",
  ]),
  grantedRequests: 1n << 32n,
  obeysRequestLimit: false,
  setupTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  unansweredRequest: "ends_session",
  controlFin: "session_end",
  secondSubscription: "served",
  finInsideObject: "truncated_group",
  longNames: "unsupported",
  refusesSetupAddress: false,
  takesEmptyPrefix: true,
  filter: "largest_object",
  asksForStartGroup: false,
  publisherPriority: 0,
  groupGapMs: 1,
  smallGroups: { perSecond: 10, graceShare: 0.8 },
  writeOnceTracks: ["catalog.json", ".catalog"],
  maxOpenStreams: 99,
  openStreamTimeoutMs: 5_000,
  countsStreams: false,
  doneAfterError: true,
  cancelFollowsDone: true,
  cancelTimeoutMs: 15_000,
  namespaceRestMs: 1_000,
};
