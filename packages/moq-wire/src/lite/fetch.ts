import type { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import {
  encodeMessage,
  notInVersion,
  readMessage,
  readOptional,
  readPath,
  writeOptional,
  writePath,
} from "./fields.js";
import { hasFetch, hasFrameRanges, type LiteVersion } from "./version.js";

/** FETCH: asks for one group (lite-03 and later); the reply is its frames, without a header. */
export interface Fetch {
  readonly broadcast: string;
  readonly track: string;
  /** 0 to 255, higher is sent first. */
  readonly priority: number;
  readonly group: number;
  /** First frame wanted (lite-06), else 0. */
  readonly startFrame: number;
  /** Last frame wanted (lite-06); absent: all. */
  readonly endFrame?: number;
}

/** Encodes FETCH. */
export function encodeFetch(version: LiteVersion, message: Fetch): Uint8Array {
  if (!hasFetch(version)) throw notInVersion("unencodable", "FETCH", version);
  if (endsFirst(message)) throw new WireError("unencodable", "endFrame", 0, ENDS_FIRST);
  return encodeMessage((body) => {
    writePath(body, message.broadcast, "broadcast");
    body.string(message.track, "track");
    body.u8(message.priority, "priority");
    body.varint(message.group, "group");
    if (!hasFrameRanges(version)) return;
    body.varint(message.startFrame, "startFrame");
    writeOptional(body, message.endFrame, "endFrame");
  });
}

/** Decodes FETCH. */
export function decodeFetch(version: LiteVersion, cursor: Cursor): Fetch {
  if (!hasFetch(version)) throw notInVersion("malformed", "FETCH", version);
  return readMessage(cursor, "FETCH", (body) => {
    const request = {
      broadcast: readPath(version, body, "broadcast"),
      track: body.string("track"),
      priority: body.u8("priority"),
      group: body.varint("group"),
    };
    if (!hasFrameRanges(version)) return { ...request, startFrame: 0 };
    const startFrame = body.varint("startFrame");
    const start = body.offset;
    const endFrame = readOptional(body, "endFrame");
    if (endsFirst({ startFrame, endFrame })) {
      throw new WireError("malformed", "endFrame", start, ENDS_FIRST);
    }
    return { ...request, startFrame, ...(endFrame === undefined ? {} : { endFrame }) };
  });
}

const ENDS_FIRST = "the frames end before they start";

function endsFirst(range: {
  readonly startFrame: number;
  readonly endFrame?: number | undefined;
}): boolean {
  return range.endFrame !== undefined && range.endFrame < range.startFrame;
}
