import { type Cursor, OversizedMessage, StreamReader, WireError } from "@moq-bridge/moq-wire";
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
   * The next message, or the error of one that is legal but beyond what is
   * represented here, after which the stream goes on.
   *
   * @throws {WireError} `malformed`, as {@link next}
   * @throws {MoqError} as `RecvStream.read`
   */
  async nextOrUnsupported<T>(decode: (cursor: Cursor) => T): Promise<T | WireError | undefined> {
    try {
      return await this.next(orUnsupported(decode));
    } catch (error) {
      if (!(error instanceof OversizedMessage)) throw error;
      await this.#skipTo(error.offset + error.size);
      return error;
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

  /** Lets go of what comes before this place in the stream. */
  async #skipTo(position: number): Promise<void> {
    while (this.#reader.position < position) {
      if (this.#reader.take(position - this.#reader.position)) continue;
      const chunk = await this.#recv.read();
      if (!chunk) throw endedInside();
      this.#reader.push(chunk);
    }
  }

  #ended(): undefined {
    if (this.#reader.buffered === 0) return undefined;
    throw endedInside();
  }
}

function endedInside(): WireError {
  return new WireError("malformed", "message", 0, "the stream ended inside a message");
}

/** Decodes to the error where that leaves the cursor after the message. */
function orUnsupported<T>(decode: (cursor: Cursor) => T): (cursor: Cursor) => T | WireError {
  return (cursor) => {
    try {
      return decode(cursor);
    } catch (error) {
      if (error instanceof OversizedMessage || !(error instanceof WireError)) throw error;
      if (error.kind === "unsupported") return error;
      throw error;
    }
  };
}
