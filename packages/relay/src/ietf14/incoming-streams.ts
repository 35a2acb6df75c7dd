import { StreamReader } from "@moq-bridge/moq-wire";
import { readSubgroupHeader, STREAM_ERROR, type SubgroupHeader } from "@moq-bridge/moq-wire/ietf14";
import { type Runtime, sleep } from "@moq-bridge/runtime";
import type { RecvStream, TransportSession } from "@moq-bridge/transport";
import type { CachedStream } from "./cached-stream.js";
import type { RelayedTrack } from "./relayed-track.js";

/** How long a stream may precede the SUBSCRIBE_OK that says which track it is of, in milliseconds. */
const EARLY_MS = 1_000;

/** Most bytes of a stream's header. */
const MAX_HEADER = 64;

/** The data streams of one publisher. They are read at the speed they arrive, whatever viewers do. */
export class IncomingStreams {
  readonly #transport: TransportSession;
  readonly #runtime: Runtime;
  readonly #tracks = new Map<number, RelayedTrack>();
  #bound: (() => void)[] = [];
  #fail: (error: unknown) => void = () => {};

  constructor(transport: TransportSession, runtime: Runtime) {
    this.#transport = transport;
    this.#runtime = runtime;
  }

  /** From now on streams of this alias are the track's. */
  bind(trackAlias: number, track: RelayedTrack): void {
    this.#tracks.set(trackAlias, track);
    const bound = this.#bound;
    this.#bound = [];
    for (const resolve of bound) resolve();
  }

  /** Accepts streams until the session ends. @throws {WireError} a stream that is none of draft-14 */
  async run(): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    await Promise.race([this.#accept(), failed]);
  }

  async #accept(): Promise<void> {
    for (;;) {
      const stream = await this.#transport.acceptUni();
      if (!stream) return;
      void this.#receive(stream);
    }
  }

  async #receive(recv: RecvStream): Promise<void> {
    let opened: { track: RelayedTrack; stream: CachedStream } | undefined;
    try {
      const reader = new StreamReader(MAX_HEADER);
      const header = await readHeader(recv, reader, this.#fail);
      const track = header && (await this.#trackOf(header.trackAlias));
      if (!header || !track || track.ended) {
        recv.stop(STREAM_ERROR.cancelled);
        return;
      }
      opened = { track, stream: track.open(header) };
      for (let rest = reader.take(reader.buffered); rest; rest = reader.take(reader.buffered)) {
        opened.stream.push(rest);
      }
      for (let chunk = await recv.read(); chunk; chunk = await recv.read()) {
        if (!opened.stream.push(chunk)) break;
      }
      opened.track.close(opened.stream, "fin");
      recv.stop(STREAM_ERROR.cancelled);
    } catch {
      // Reset by the publisher, or the session is over: its viewers are told the same.
      opened?.track.close(opened.stream, "reset");
    }
  }

  /** The track of an alias, for which a SUBSCRIBE_OK may still be on its way. */
  async #trackOf(alias: number): Promise<RelayedTrack | undefined> {
    const deadline = this.#runtime.now() + EARLY_MS;
    for (let left = EARLY_MS; left > 0; left = deadline - this.#runtime.now()) {
      const track = this.#tracks.get(alias);
      if (track) return track;
      const timer = new AbortController();
      const bound = new Promise<void>((resolve) => this.#bound.push(resolve));
      await Promise.race([bound, sleep(this.#runtime, left, timer.signal).catch(() => {})]);
      timer.abort();
    }
    return this.#tracks.get(alias);
  }
}

/** Reads to the end of the header; `undefined` if the stream ends before. */
async function readHeader(
  recv: RecvStream,
  reader: StreamReader,
  fail: (error: unknown) => void,
): Promise<SubgroupHeader | undefined> {
  for (let chunk = await recv.read(); chunk; chunk = await recv.read()) {
    reader.push(chunk);
    try {
      const header = reader.read((cursor) => readSubgroupHeader(cursor, () => {}));
      if (header) return header;
    } catch (error) {
      fail(error);
      return undefined;
    }
  }
  return undefined;
}
