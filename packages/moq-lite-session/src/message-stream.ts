import { type Cursor, StreamReader, WireError } from "@moq-bridge/moq-wire";
import { MAX_ANNOUNCE_INIT_BYTES } from "@moq-bridge/moq-wire/lite";
import type { RecvStream } from "@moq-bridge/transport";

const NOTHING = new Uint8Array(0);

/** Messages read one after the other from a control stream. */
export class MessageStream {
  readonly #recv: RecvStream;
  readonly #reader = new StreamReader(MAX_ANNOUNCE_INIT_BYTES + 16);

  constructor(recv: RecvStream) {
    this.#recv = recv;
  }

  /**
   * The next message, `undefined` after the peer's FIN.
   *
   * @throws {WireError} `malformed`, also when the stream ended inside a message
   * @throws {MoqError} as `RecvStream.read`
   */
  async next<T>(decode: (cursor: Cursor) => T): Promise<T | undefined> {
    for (;;) {
      const message = this.#reader.read(decode);
      if (message !== undefined) return message;
      const chunk = await this.#recv.read();
      if (!chunk) return this.#ended();
      this.#reader.push(chunk);
    }
  }

  /**
   * Resolves at the peer's FIN, before which nothing more may come.
   *
   * @throws {WireError} `malformed` when something does
   * @throws {MoqError} as `RecvStream.read`
   */
  async ended(): Promise<void> {
    await this.next((): never => {
      throw new WireError("malformed", "message", 0, "bytes after the last message");
    });
  }

  /** What arrived beyond the messages read, as a view. */
  rest(): Uint8Array {
    return this.#reader.take(this.#reader.buffered) ?? NOTHING;
  }

  #ended(): undefined {
    if (this.#reader.buffered === 0) return undefined;
    throw new WireError("malformed", "message", 0, "the stream ended inside a message");
  }
}

/**
 * Lets a message pass that is legal but beyond what is represented here: it
 * decodes to the error, and the stream goes on after it.
 */
export function orUnsupported<T>(decode: (cursor: Cursor) => T): (cursor: Cursor) => T | WireError {
  return (cursor) => {
    try {
      return decode(cursor);
    } catch (error) {
      if (error instanceof WireError && error.kind === "unsupported") return error;
      throw error;
    }
  };
}
