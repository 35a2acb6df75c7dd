import { StreamReader } from "../stream-reader.js";
import { WireError } from "../wire-error.js";
import { SESSION_ERROR } from "./codes.js";
import {
  type ObjectHeader,
  readObjectHeader,
  readSubgroupHeader,
  type SubgroupHeader,
} from "./subgroup.js";

/** Longest extension block read, in bytes: enough for any one Key-Value-Pair. */
export const MAX_EXTENSION_BYTES = 0x1_0010;

/** Longest header field sequence: four varints beside the extension block. */
const MAX_HEADER_BYTES = MAX_EXTENSION_BYTES + 64;

/** What a subgroup stream brings, in order: a header, then each object and its payload in pieces. */
export type SubgroupEvent =
  | { readonly type: "header"; readonly header: SubgroupHeader }
  | { readonly type: "object"; readonly object: ObjectHeader }
  | {
      readonly type: "payload";
      /** A view of the chunk pushed, never empty. */
      readonly bytes: Uint8Array;
    };

/** Reads a subgroup stream's bytes as they arrive, without waiting for whole objects. */
export class SubgroupReader {
  readonly #stream = new StreamReader(MAX_HEADER_BYTES);
  #header: SubgroupHeader | undefined;
  #trackAlias: number | undefined;
  #previousObjectId: number | undefined;
  #payloadLeft = 0;

  /** Known as soon as it was read, also when the rest of the header then fails. */
  get trackAlias(): number | undefined {
    return this.#trackAlias;
  }

  /** Bytes that arrived and are not in any event yet. */
  get buffered(): number {
    return this.#stream.buffered;
  }

  /** Adds what arrived. Take every event there is with {@link next} before the next push. */
  push(chunk: Uint8Array): void {
    this.#stream.push(chunk);
  }

  /**
   * The next event, `undefined` when more bytes are needed.
   *
   * @throws {WireError} `malformed` (close code as `wireCode`), or `unsupported`: the track cannot be carried
   */
  next(): SubgroupEvent | undefined {
    if (this.#payloadLeft > 0) {
      const bytes = this.#stream.take(this.#payloadLeft);
      if (!bytes) return undefined;
      this.#payloadLeft -= bytes.byteLength;
      return { type: "payload", bytes };
    }
    if (!this.#header) {
      const header = this.#stream.read((cursor) =>
        readSubgroupHeader(cursor, (trackAlias) => {
          this.#trackAlias = trackAlias;
        }),
      );
      if (!header) return undefined;
      this.#header = header;
      return { type: "header", header };
    }
    const { extensionsPresent } = this.#header;
    const object = this.#stream.read((cursor) =>
      readObjectHeader(cursor, this.#previousObjectId, extensionsPresent, MAX_EXTENSION_BYTES),
    );
    if (!object) return undefined;
    this.#previousObjectId = object.objectId;
    this.#payloadLeft = object.payloadLength;
    return { type: "object", object };
  }

  /** Checks that the stream's FIN comes between objects. @throws {WireError} `incomplete` */
  end(): void {
    if (this.#header && this.#payloadLeft === 0 && this.#stream.buffered === 0) return;
    const field = this.#header ? "object" : "header";
    const code = SESSION_ERROR.protocolViolation;
    const { position } = this.#stream;
    throw new WireError("incomplete", field, position, `the stream ends inside an ${field}`, code);
  }
}
