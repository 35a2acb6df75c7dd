import { StreamReader } from "../stream-reader.js";
import { MAX_VARINT } from "../varint.js";
import { WireError } from "../wire-error.js";
import { decodeFrameHeader, decodeGroupHeader, type GroupHeader } from "./group.js";
import { MAX_MESSAGE_BYTES } from "./limits.js";
import { hasTrackStream, type LiteVersion } from "./version.js";

/** What {@link GroupReader.next} finds. */
export type GroupEvent =
  | { readonly type: "header"; readonly header: GroupHeader }
  | {
      readonly type: "frame";
      readonly size: number;
      /** In the track's timescale; absent before lite-05. */
      readonly timestamp?: bigint;
    }
  | { readonly type: "payload"; readonly bytes: Uint8Array };

/**
 * Reads a group stream as it arrives, after its stream type: the header once,
 * then for each frame its header and its payload, in as many pieces as came.
 * Payload is never copied and never waited for.
 *
 * ```
 * header ──▶ frame ──▶ payload… ──▶ frame …
 *              └─ (size 0) ────────▶ frame
 * ```
 */
export class GroupReader {
  readonly #version: LiteVersion;
  readonly #stream = new StreamReader(MAX_MESSAGE_BYTES + 8);
  #headerRead = false;
  #payloadLeft = 0;
  #timestamp = 0n;

  constructor(version: LiteVersion) {
    this.#version = version;
  }

  /**
   * Adds what arrived. Call {@link next} until it gives `undefined` before the next push.
   *
   * @throws {WireError} `malformed` when that was not done
   */
  push(chunk: Uint8Array): void {
    this.#stream.push(chunk);
  }

  /**
   * The next piece, `undefined` until more bytes arrive.
   *
   * @throws {WireError} `malformed` or `unsupported`; the stream cannot be read on
   */
  next(): GroupEvent | undefined {
    if (!this.#headerRead) return this.#nextHeader();
    if (this.#payloadLeft > 0) return this.#nextPayload();
    return this.#nextFrame();
  }

  /** Checks that the stream's FIN comes between frames. @throws {WireError} `incomplete` */
  end(): void {
    if (this.#headerRead && this.#payloadLeft === 0 && this.#stream.buffered === 0) return;
    const field = this.#headerRead ? "frame" : "header";
    const { position } = this.#stream;
    throw new WireError("incomplete", field, position, `a group stream ended inside a ${field}`);
  }

  #nextHeader(): GroupEvent | undefined {
    const header = this.#stream.read((cursor) => decodeGroupHeader(this.#version, cursor));
    if (!header) return undefined;
    this.#headerRead = true;
    return { type: "header", header };
  }

  #nextPayload(): GroupEvent | undefined {
    const bytes = this.#stream.take(this.#payloadLeft);
    if (!bytes) return undefined;
    this.#payloadLeft -= bytes.byteLength;
    return { type: "payload", bytes };
  }

  #nextFrame(): GroupEvent | undefined {
    const frame = this.#stream.read((cursor) => decodeFrameHeader(this.#version, cursor));
    if (!frame) return undefined;
    this.#payloadLeft = frame.size;
    if (!hasTrackStream(this.#version)) return { type: "frame", size: frame.size };
    this.#timestamp += frame.timestampDelta;
    if (this.#timestamp < 0n || this.#timestamp > MAX_VARINT) {
      const { position } = this.#stream;
      const message = "a frame's timestamp is out of range";
      throw new WireError("malformed", "timestampDelta", position, message);
    }
    return { type: "frame", size: frame.size, timestamp: this.#timestamp };
  }
}
