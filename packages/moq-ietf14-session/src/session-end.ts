import { SESSION_ERROR } from "@moq-bridge/moq-wire/ietf14";
import { MoqError, quotable } from "@moq-bridge/runtime";
import type { CloseInfo } from "@moq-bridge/transport";

/** How a session ended. */
export interface SessionEnd {
  readonly by: "local" | "peer" | "transport";
  /** Absent after a clean close; `wireCode` is the session error code (section 3.4). */
  readonly error?: MoqError;
}

/** How a session ended, from how its transport did and what we found wrong with the peer. */
export function sessionEnd(info: CloseInfo, ours: MoqError | undefined): SessionEnd {
  const { by, code, reason } = info;
  if (ours) return { by: ours.code === "control_stream_ended" ? "peer" : "local", error: ours };
  if (by === "local" || (by === "peer" && (code ?? 0) === 0)) return { by };
  const what =
    by === "peer"
      ? `the peer closed the session with ${codeText(code)}`
      : "the connection was lost";
  const message = [what, quotable(reason)].filter((text) => text !== "").join(": ");
  const error = new MoqError(by === "peer" ? "closed_by_peer" : "connection_lost", message, {
    scope: "session",
    ...(code === undefined ? {} : { wireCode: code }),
  });
  return { by, error };
}

/** A session error code with the draft's name for it. */
function codeText(code: number | undefined): string {
  const [name] = Object.entries(SESSION_ERROR).find(([, value]) => value === code) ?? [];
  const words = name?.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words === undefined ? `code ${code}` : `code ${code} (${words})`;
}
