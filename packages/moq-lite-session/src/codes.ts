import type { MoqError } from "@moq-bridge/runtime";

/** Codes that close a session (the registry of moq-relay 0.17.10). */
export const SESSION_CODE = {
  none: 0,
  internal: 1,
  unauthorized: 2,
  protocolViolation: 3,
  timeout: 17,
  version: 21,
} as const;

/** Codes that reset or stop a stream (the registry of moq-relay 0.17.10, apart from that of sessions). */
export const STREAM_CODE = {
  internal: 0,
  cancel: 1,
  sessionClosed: 3,
  tooFarBehind: 5,
  malformedTrack: 18,
  controlTimeout: 49,
  groupTooLarge: 50,
  notFound: 51,
  old: 52,
  evicted: 53,
  unroutable: 54,
  frameTooLarge: 56,
} as const;

/** Codes of applications start here and are passed on as they are. */
const FIRST_APPLICATION_CODE = 64;

/** The `code` of an error made from a peer's stream code, where that says more than that it failed. */
const NAMED: Readonly<Record<number, string>> = {
  [STREAM_CODE.notFound]: "track_not_found",
  [STREAM_CODE.unroutable]: "broadcast_not_found",
  [STREAM_CODE.sessionClosed]: "source_lost",
  [STREAM_CODE.groupTooLarge]: "group_too_large",
  [STREAM_CODE.evicted]: "group_evicted",
};

/** The stable error code for a stream the peer reset or stopped with `wireCode`, or `otherwise`. */
export function nameOfStreamCode(wireCode: number | undefined, otherwise: string): string {
  return (wireCode === undefined ? undefined : NAMED[wireCode]) ?? otherwise;
}

const CODE_OF: Readonly<Record<string, number>> = {
  track_not_found: STREAM_CODE.notFound,
  broadcast_not_found: STREAM_CODE.unroutable,
  broadcast_ended: STREAM_CODE.unroutable,
  source_lost: STREAM_CODE.sessionClosed,
  session_closed: STREAM_CODE.sessionClosed,
  group_evicted: STREAM_CODE.evicted,
  group_too_large: STREAM_CODE.groupTooLarge,
  instance_replaced: STREAM_CODE.old,
  session_timeout: STREAM_CODE.controlTimeout,
};

/** The code with which a stream is reset because of `error`: an application's own, or the nearest of the registry. */
export function streamCodeOf(error: MoqError): number {
  const known = CODE_OF[error.code];
  if (known !== undefined) return known;
  const { wireCode } = error;
  const isApplication = wireCode !== undefined && wireCode >= FIRST_APPLICATION_CODE;
  return isApplication && error.code.startsWith("lite_") ? wireCode : STREAM_CODE.internal;
}
