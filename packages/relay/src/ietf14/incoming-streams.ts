import { StreamReader, WireError } from "@moq-bridge/moq-wire";
import { readSubgroupHeader, STREAM_ERROR, type SubgroupHeader } from "@moq-bridge/moq-wire/ietf14";
import { MoqError, type Runtime, sleep } from "@moq-bridge/runtime";
import type { RecvStream, TransportSession } from "@moq-bridge/transport";
import type { CachedStream } from "./cached-stream.js";
import type { RelayedTrack } from "./relayed-track.js";
import { Renumbering } from "./renumbering.js";
import type { Ietf14Rules, RuleName } from "./rules.js";
import type { Done } from "./viewer.js";

/** How long a stream may precede the SUBSCRIBE_OK that says which track it is of, in milliseconds. */
const EARLY_MS = 1_000;

/** Most bytes of a stream's header. */
const MAX_HEADER = 64;

/** What {@link IncomingStreams} needs of its session. */
export interface IncomingStreamsOptions {
  readonly transport: TransportSession;
  readonly runtime: Runtime;
  readonly rules: Ietf14Rules;
  count(rule: RuleName): void;
  /** By the rules a stream ended its track. */
  onFault(track: RelayedTrack, done: Done): void;
}

/** The data streams of one publisher. They are read at the speed they arrive, whatever viewers do. */
export class IncomingStreams {
  readonly #options: IncomingStreamsOptions;
  readonly #tracks = new Map<number, RelayedTrack>();
  #open = 0;
  #bound: (() => void)[] = [];
  #fail: (error: unknown) => void = () => {};

  constructor(options: IncomingStreamsOptions) {
    this.#options = options;
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
      const stream = await this.#options.transport.acceptUni();
      if (!stream) return;
      this.#open++;
      if (this.#open === this.#options.rules.incomingStreams)
        this.#options.count("incomingStreams");
      void this.#receive(stream).finally(() => {
        this.#open--;
      });
    }
  }

  async #receive(recv: RecvStream): Promise<void> {
    let opened: { track: RelayedTrack; stream: CachedStream } | undefined;
    try {
      const reader = new StreamReader(MAX_HEADER);
      const header = await readHeader(recv, reader, this.#fail);
      const track = header && (await this.#trackOf(header.trackAlias));
      const first = reader.take(reader.buffered) ?? (await recv.read());
      if (!header || !track || track.ended) {
        recv.stop(STREAM_ERROR.cancelled);
        return;
      }
      const fault = first && track.fault(header);
      if (fault) {
        recv.stop(STREAM_ERROR.cancelled);
        this.#options.onFault(track, fault);
        return;
      }
      opened = { track, stream: track.open(header) };
      const push = this.#pusher(opened.stream);
      let chunk = first;
      for (; chunk; chunk = reader.take(reader.buffered) ?? (await recv.read())) {
        if (!push(chunk)) break;
      }
      track.close(opened.stream, "fin");
      recv.stop(STREAM_ERROR.cancelled);
    } catch (error) {
      // Streams of a lost session end when the relay notices the loss.
      if (opened && error instanceof MoqError && error.code !== "session_closed") {
        opened.track.close(opened.stream, "reset");
      } else if (opened && error instanceof WireError) this.#fail(error);
    }
  }

  #pusher(stream: CachedStream): (chunk: Uint8Array) => boolean {
    const { rules, count } = this.#options;
    if (!rules.renumbersObjects) return (chunk) => stream.push(chunk);
    count("renumbersObjects");
    const renumbering = new Renumbering(stream.header);
    return (chunk) => renumbering.push(chunk).every((bytes) => stream.push(bytes));
  }

  /** The track of an alias, for which a SUBSCRIBE_OK may still be on its way. */
  async #trackOf(alias: number): Promise<RelayedTrack | undefined> {
    const deadline = this.#options.runtime.now() + EARLY_MS;
    for (let left = EARLY_MS; left > 0; left = deadline - this.#options.runtime.now()) {
      const track = this.#tracks.get(alias);
      if (track) return track;
      const timer = new AbortController();
      const bound = new Promise<void>((resolve) => this.#bound.push(resolve));
      await Promise.race([bound, sleep(this.#options.runtime, left, timer.signal).catch(() => {})]);
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
