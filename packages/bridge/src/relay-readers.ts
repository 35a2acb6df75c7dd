import type { LiteSession } from "@moq-bridge/moq-lite-session";
import {
  type BroadcastOptions,
  type BroadcastProducer,
  Origin,
  type OriginProducer,
  type Path,
  type TrackRequest,
  type TrackRequestHandler,
} from "@moq-bridge/origin";
import { type Runtime, toMoqError } from "@moq-bridge/runtime";
import type { Logger } from "./logger.js";

/**
 * Tracks read on one session of a relay that admits few streams: 98 with
 * moq-relay 0.10.0, 100 over qmux, some of which announcements take.
 */
export const TRACKS_PER_SESSION = 80;
/** Sessions beside the main one, at most. */
const MAX_READERS = 32;
/** A session that reads nothing is closed after this long, in milliseconds. */
const IDLE_MS = 30_000;

/** Who answers requests for the tracks of what one session announces. */
class TrackHandlers {
  readonly #handlers = new Map<
    Path,
    { producer: BroadcastProducer; onTrack: TrackRequestHandler }
  >();

  /** `origin`, where each broadcast's handler is noted too, and called through `wrap`. */
  noting(
    origin: OriginProducer,
    wrap: (path: Path, onTrack: TrackRequestHandler) => TrackRequestHandler,
  ): OriginProducer {
    return {
      publish: origin.publish.bind(origin),
      dynamic: origin.dynamic.bind(origin),
      createBroadcast: (path: Path, options: BroadcastOptions = {}) => {
        const { onTrack } = options;
        if (!onTrack) return origin.createBroadcast(path, options);
        const producer = origin.createBroadcast(path, { ...options, onTrack: wrap(path, onTrack) });
        this.#handlers.set(path, { producer, onTrack });
        void producer.closed.then(() => {
          if (this.#handlers.get(path)?.producer === producer) this.#handlers.delete(path);
        });
        return producer;
      },
    };
  }

  find(path: Path): TrackRequestHandler | undefined {
    return this.#handlers.get(path)?.onTrack;
  }
}

/** A session beside the main one, which only reads. */
interface Reader {
  readonly session: LiteSession;
  readonly handlers: TrackHandlers;
  /** The main session when it was opened: with another one it may have an older token, or another relay. */
  readonly main: LiteSession | undefined;
}

/**
 * Spreads the tracks that are read from a relay over several sessions, where
 * the relay admits few streams on each. What is announced, in either
 * direction, is the main session's matter alone.
 */
export class RelayReaders {
  readonly #runtime: Runtime;
  readonly #log: Logger;
  readonly #connect: (subscribe: OriginProducer, signal: AbortSignal) => Promise<LiteSession>;
  readonly #stopping = new AbortController();
  readonly #readers = new Set<Reader>();
  #opening: Promise<void> | undefined;
  /** The main session, where it admits few streams. */
  #main: LiteSession | undefined;

  /** @param connect opens a session that announces nothing and has announced what it fills */
  constructor(options: {
    runtime: Runtime;
    log: Logger;
    connect(subscribe: OriginProducer, signal: AbortSignal): Promise<LiteSession>;
  }) {
    this.#runtime = options.runtime;
    this.#log = options.log;
    this.#connect = options.connect;
  }

  /** What the main session fills: `origin`, whose tracks are read here or by another session. */
  spreading(origin: OriginProducer): OriginProducer {
    return new TrackHandlers().noting(origin, (path, onTrack) => (request) => {
      const main = this.#main;
      if (!main || hasRoom(main)) onTrack(request);
      else void this.#readElsewhere(path, request, onTrack);
    });
  }

  /** A main session is up. */
  handleMain(session: LiteSession, admitsFewStreams: boolean): void {
    this.#main = admitsFewStreams ? session : undefined;
  }

  /** Closes every session. */
  stop(): void {
    this.#stopping.abort();
    for (const { session } of this.#readers) session.close();
  }

  /** Falls back to the main session, where the request waits for a stream and fails in time. */
  async #readElsewhere(path: Path, request: TrackRequest, own: TrackRequestHandler): Promise<void> {
    try {
      let reader = this.#findRoom();
      while (!reader) {
        this.#opening ??= this.#open().finally(() => {
          this.#opening = undefined;
        });
        await this.#opening;
        reader = this.#findRoom();
      }
      (reader.handlers.find(path) ?? own)(request);
    } catch (error) {
      const why = toMoqError(error, "connect_failed", "session").message;
      if (!this.#stopping.signal.aborted) this.#log.warn(`relay: no further session: ${why}`);
      own(request);
    }
  }

  #findRoom(): Reader | undefined {
    const main = this.#main;
    return [...this.#readers].find((reader) => reader.main === main && hasRoom(reader.session));
  }

  async #open(): Promise<void> {
    if (this.#readers.size >= MAX_READERS) throw new Error("all are in use");
    const main = this.#main;
    const handlers = new TrackHandlers();
    const announced = new Origin({ runtime: this.#runtime });
    const subscribe = handlers.noting(announced, (_path, onTrack) => onTrack);
    const session = await this.#connect(subscribe, this.#stopping.signal);
    if (this.#stopping.signal.aborted) {
      session.close();
      throw this.#stopping.signal.reason;
    }
    this.#log.info("relay: one more session, for tracks beyond what one reads");
    const reader = { session, handlers, main };
    this.#readers.add(reader);
    const stopWatching = this.#closeWhenIdle(reader);
    void session.closed.then(() => {
      stopWatching();
      this.#readers.delete(reader);
    });
  }

  #closeWhenIdle(reader: Reader): () => void {
    const { session } = reader;
    const look = () => {
      if (session.stats().subscriptionsIn > 0) {
        cancel = this.#runtime.setTimer(IDLE_MS, look);
        return;
      }
      this.#readers.delete(reader);
      session.close();
    };
    let cancel = this.#runtime.setTimer(IDLE_MS, look);
    return () => cancel();
  }
}

function hasRoom(session: LiteSession): boolean {
  return session.stats().subscriptionsIn < TRACKS_PER_SESSION;
}
