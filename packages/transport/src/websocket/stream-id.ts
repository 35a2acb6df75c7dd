import type { TransportSession } from "../transport.js";

/** Which end a session is. */
export type Side = TransportSession["side"];

/** A stream id is `index << 2 | 2 * unidirectional | 1 * opened by the server` (RFC 9000 section 2.1). */
export function streamId(index: number, uni: boolean, by: Side): number {
  return index * 4 + (uni ? 2 : 0) + (by === "server" ? 1 : 0);
}

/** How many streams of its kind were opened before this one. */
export function streamIndex(id: number): number {
  return Math.floor(id / 4);
}

/** Whether only its opener sends on the stream. */
export function isUni(id: number): boolean {
  return id % 4 >= 2;
}

/** Who opened the stream. */
export function openedBy(id: number): Side {
  return id % 2 === 1 ? "server" : "client";
}
