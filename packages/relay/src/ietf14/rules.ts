/**
 * How a {@link Ietf14Relay} behaves where draft-14 leaves room or Cloudflare's
 * relay does not follow it. Rules are data: an emulated relay is a set of them,
 * and {@link RULE_EVIDENCE} says where each was seen.
 */
export interface Ietf14Rules {
  readonly name: string;
  /** MAX_REQUEST_ID in SERVER_SETUP; it is never raised. */
  readonly grantedRequests: bigint;
  /** Requests of a session that are answered; the following ones never are. Absent: all. */
  readonly answeredRequests: number | undefined;
  /** PUBLISH_NAMESPACE_ERROR for a name that is held. */
  readonly nameHeld: { readonly code: number; readonly reason: string };
  /** PUBLISH_NAMESPACE_DONE is answered with PUBLISH_NAMESPACE_CANCEL. */
  readonly cancelAfterDone: boolean;
  /** Milliseconds from DONE to its CANCEL. */
  readonly cancelDelayMs: number;
  /**
   * What becomes of a name announced again before that CANCEL: nothing wrong,
   * it is accepted and then cancelled, or it is accepted and not found for
   * `wedgedMs`.
   */
  readonly announcedBeforeCancel: "accepted" | "cancelled" | "wedged";
  readonly wedgedMs: number;
  /** A second PUBLISH_NAMESPACE for a name the session holds, or was refused, ends the session. */
  readonly secondAnnounceFatal: boolean;
  /** Names one session may hold; PUBLISH_NAMESPACE for more is never answered. Absent: any number. */
  readonly namesPerSession: number | undefined;
  /** Another session may announce a held name: it takes over, and nobody has the name when either leaves. */
  readonly duplicatesAccepted: boolean;
  /** Milliseconds for which a session lost without a close keeps its names, in silence. */
  readonly heldAfterLossMs: number;
  /** SUBSCRIBE_OK is sent before the publisher has answered. */
  readonly acceptsAtOnce: boolean;
  /** Viewers that join after the newest group ended get it all the same. */
  readonly replaysClosedGroups: boolean;
  /** Object IDs become 0, 1, 2 and so on. */
  readonly renumbersObjects: boolean;
  /** A group whose first object comes after a newer group's ends the track; so does a group that comes twice. */
  readonly overtakenGroupEndsTrack: boolean;
  /** A stream the publisher reset ends with FIN for the viewers. */
  readonly resetBecomesFin: boolean;
  /** Publisher priority 0 is sent last, and the control stream with it. */
  readonly invertsPriority: boolean;
  /** UNSUBSCRIBE is sent to the publisher when the last viewer of a track is gone. */
  readonly unsubscribesUpstream: boolean;
  /** Unfinished streams a publisher may have; the transport has to be made with it. */
  readonly incomingStreams: number | undefined;
  /** After a message it takes for an error: closes the connection, or ends the control stream and leaves the rest as it is. */
  readonly onFatalMessage: "close" | "zombie";
}

/** One of the rules. */
export type RuleName = Exclude<keyof Ietf14Rules, "name">;

/** How often each rule was applied: a rule that never was did not test anything. */
export type RuleCounts = Partial<Record<RuleName, number>>;

/** As moq-relay-ietf 0.7.19 behaves in all that a well-behaved peer notices. */
export const PLAIN_RULES: Ietf14Rules = {
  name: "plain",
  grantedRequests: 100n,
  answeredRequests: undefined,
  nameHeld: { code: 0, reason: "done" },
  cancelAfterDone: true,
  cancelDelayMs: 0,
  announcedBeforeCancel: "accepted",
  wedgedMs: 0,
  secondAnnounceFatal: false,
  namesPerSession: undefined,
  duplicatesAccepted: false,
  heldAfterLossMs: 0,
  acceptsAtOnce: true,
  replaysClosedGroups: true,
  renumbersObjects: false,
  overtakenGroupEndsTrack: false,
  resetBecomesFin: false,
  invertsPriority: false,
  unsubscribesUpstream: false,
  incomingStreams: undefined,
  onFatalMessage: "close",
};

/** Cloudflare's open-source draft-14 relay, moq-relay-ietf 0.7.19, as it was measured. */
export const CLOUDFLARE_OSS: Ietf14Rules = {
  ...PLAIN_RULES,
  name: "cloudflare-oss",
  cancelDelayMs: 3,
  announcedBeforeCancel: "cancelled",
  secondAnnounceFatal: true,
  heldAfterLossMs: 14_000,
  renumbersObjects: true,
  overtakenGroupEndsTrack: true,
  resetBecomesFin: true,
  invertsPriority: true,
  incomingStreams: 99,
  onFatalMessage: "zombie",
};

/** Cloudflare's hosted network as one operator reported it; what was not reported is as in the open-source relay. */
export const CLOUDFLARE_HOSTED: Ietf14Rules = {
  ...CLOUDFLARE_OSS,
  name: "cloudflare-hosted",
  answeredRequests: 50,
  announcedBeforeCancel: "wedged",
  wedgedMs: 120_000,
  namesPerSession: 20,
  duplicatesAccepted: true,
  heldAfterLossMs: 40_000,
  replaysClosedGroups: false,
};

/** The emulated relays by name. */
export const RELAY_BEHAVIOURS: Readonly<Record<string, Ietf14Rules>> = {
  plain: PLAIN_RULES,
  "cloudflare-oss": CLOUDFLARE_OSS,
  "cloudflare-hosted": CLOUDFLARE_HOSTED,
};

/** `rules` with some of them as in {@link PLAIN_RULES}. */
export function withoutRules(rules: Ietf14Rules, ...names: readonly RuleName[]): Ietf14Rules {
  const plain = Object.fromEntries(names.map((name) => [name, PLAIN_RULES[name]]));
  return { ...rules, ...plain };
}

/** Where a rule was seen. `measured`: on moq-relay-ietf 0.7.19; `reported`: by an operator of the hosted network, not seen here. */
export interface Evidence {
  readonly kind: "measured" | "reported";
  /** What was seen, in one line. */
  readonly seen: string;
}

const measured = (seen: string): Evidence => ({ kind: "measured", seen });
const reported = (seen: string): Evidence => ({ kind: "reported", seen });

/** The evidence of each rule. */
export const RULE_EVIDENCE: Readonly<Record<RuleName, Evidence>> = {
  grantedRequests: measured("SERVER_SETUP grants 100, and IDs up to 478 were answered (t01-ids)"),
  answeredRequests: reported("the grant of 100 IDs is meant: request 51 is never answered"),
  nameHeld: measured("ERROR 0 done to another session, the incumbent unharmed (t03-dupns)"),
  cancelAfterDone: measured("CANCEL 0 done follows DONE (t03-dupns, t15-extra)"),
  cancelDelayMs: measured("the CANCEL comes 3 ms after DONE (t03-dupns)"),
  announcedBeforeCancel: measured(
    "DONE and PUBLISH_NAMESPACE back to back: CANCEL, OK, second CANCEL, name dead, 5 of 6 (t19-race)",
  ),
  wedgedMs: reported("a name joined again too soon is not found for about two minutes"),
  secondAnnounceFatal: measured(
    "a second PUBLISH_NAMESPACE for a held or refused name ends the control stream (t03-dupns)",
  ),
  namesPerSession: reported("about 20 names a session; 200 were fine on the open-source relay"),
  duplicatesAccepted: reported(
    "accepted silently; measured across two relays: the row is deleted when either leaves (t16-tworelays)",
  ),
  heldAfterLossMs: measured(
    "13.8 to 14.0 s of silence after kill -9, 6 runs (t08-death); 25 to 39 s reported of the hosted network",
  ),
  acceptsAtOnce: measured("OK at 1 ms, a refusal follows as PUBLISH_DONE with its number (t04)"),
  replaysClosedGroups: measured(
    "a closed newest group is delivered whole for 80 s and more (t05-late); reported of the hosted network: never",
  ),
  renumbersObjects: measured("object IDs 5, 8 arrive as 0, 1 (t06-data)"),
  overtakenGroupEndsTrack: measured(
    "an older group opened after a newer: UNSUBSCRIBE, PUBLISH_DONE 1 cancelled (t07-order); the same group again: 0 (t05, t06)",
  ),
  resetBecomesFin: measured("reset after 5 of 10 bytes: FIN (t06b-reset)"),
  invertsPriority: measured("byte 255 finished at 2.1 s, byte 0 at 3.5 s (t20-prio)"),
  unsubscribesUpstream: measured("the publisher is told nothing in 25 s (t09-unsub-uni)"),
  incomingStreams: measured("99 open, the 100th blocks (t09-unsub-uni)"),
  onFatalMessage: measured("control FIN, the connection stays open for 75 s and more (t02-msgs)"),
};
