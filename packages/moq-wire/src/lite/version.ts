/** The moq-lite versions this library speaks, oldest first. */
export const LITE_VERSIONS = [
  "lite-01",
  "lite-02",
  "lite-03",
  "lite-04",
  "lite-05",
  "lite-06",
] as const;

/** A version of moq-lite. */
export type LiteVersion = (typeof LITE_VERSIONS)[number];

/** The application protocol under which lite-01 and lite-02 are negotiated by a SETUP exchange. */
export const MOQL_ALPN = "moql";

/** The application protocol that selects `version`; lite-01 and lite-02 share `moql`. */
export function liteAlpn(version: LiteVersion): string {
  return hasSetupExchange(version) ? MOQL_ALPN : `moq-${version}`;
}

/**
 * The version an application protocol selects by itself. `undefined` for
 * `moql` and for no protocol at all, where a SETUP exchange decides, and for
 * names that are not moq-lite.
 */
export function liteVersionOfAlpn(alpn: string | undefined): LiteVersion | undefined {
  return LITE_VERSIONS.find((version) => !hasSetupExchange(version) && liteAlpn(version) === alpn);
}

const CODE_BASE = 0xff0dad00;

/** The number of a version in a SETUP exchange. */
export function liteVersionCode(version: LiteVersion): number {
  return CODE_BASE + LITE_VERSIONS.indexOf(version) + 1;
}

/** The version with this number in a SETUP exchange; only those that have one (lite-01, lite-02). */
export function liteVersionOfCode(code: number): LiteVersion | undefined {
  return LITE_VERSIONS.find(
    (version) => hasSetupExchange(version) && liteVersionCode(version) === code,
  );
}

/*
 * What a version does. Each question lists the versions that are different
 * because they are old, so that a new one behaves like the newest.
 */

/** The version is agreed in a draft-14 style SETUP exchange on the first bidirectional stream. */
export function hasSetupExchange(version: LiteVersion): boolean {
  return version === "lite-01" || version === "lite-02";
}

/** An announce request is answered by one ANNOUNCE_INIT with everything that is live. */
export function hasAnnounceInit(version: LiteVersion): boolean {
  return version === "lite-01" || version === "lite-02";
}

/** A group stream, SUBSCRIBE and SUBSCRIBE_OK carry nothing beyond a priority; there is no SUBSCRIBE_UPDATE. */
export function hasBareSubscribe(version: LiteVersion): boolean {
  return version === "lite-01" || version === "lite-02";
}

/** Replies on a subscribe stream begin with a type. */
export function hasTypedReplies(version: LiteVersion): boolean {
  return !hasBareSubscribe(version);
}

/** How an announcement says where a broadcast came from. */
export function hopForm(version: LiteVersion): "none" | "count" | "chain" {
  if (version === "lite-01" || version === "lite-02") return "none";
  return version === "lite-03" ? "count" : "chain";
}

/** ANNOUNCE_REQUEST names an origin whose broadcasts are not wanted. */
export function hasExcludeHop(version: LiteVersion): boolean {
  return version === "lite-04" || version === "lite-05";
}

/** The sender of an announcement appends itself to the chain; from lite-05 on the receiver does (ANNOUNCE_OK). */
export function senderAppendsHop(version: LiteVersion): boolean {
  return version === "lite-03" || version === "lite-04";
}

/** A unidirectional SETUP stream from each side opens the session. */
export function hasSetupStream(version: LiteVersion): boolean {
  return !["lite-01", "lite-02", "lite-03", "lite-04"].includes(version);
}

/** ANNOUNCE_OK exists, and carries the publisher's origin id. */
export function hasAnnounceOk(version: LiteVersion): boolean {
  return hasSetupStream(version);
}

/** TRACK streams, SUBSCRIBE_START and SUBSCRIBE_END exist, and frames carry timestamps. */
export function hasTrackStream(version: LiteVersion): boolean {
  return hasSetupStream(version);
}

/** A second START for a live path is a restart; before lite-05 it is a violation, from lite-06 on RESTART says it. */
export function restartsByRepeat(version: LiteVersion): boolean {
  return version === "lite-05";
}

/** Announcements are told apart by their ordinal, not by their path, and carry costs. */
export function hasAnnounceIds(version: LiteVersion): boolean {
  return hasSetupStream(version) && version !== "lite-05";
}

/** Subscriptions and group streams may begin at a frame, and SUBSCRIBE has no `ordered` byte. */
export function hasFrameRanges(version: LiteVersion): boolean {
  return hasAnnounceIds(version);
}

/** The FETCH stream exists. */
export function hasFetch(version: LiteVersion): boolean {
  return version !== "lite-01" && version !== "lite-02";
}

/** The PROBE stream exists, in lite-03 without a round-trip time. */
export function hasProbe(version: LiteVersion): boolean {
  return version !== "lite-01" && version !== "lite-02";
}

/** The GOAWAY stream exists. */
export function hasGoaway(version: LiteVersion): boolean {
  return version !== "lite-01" && version !== "lite-02" && version !== "lite-03";
}
