import type { MoqError } from "@moq-bridge/runtime";

/**
 * A broadcast path: segments joined by `/`, without a leading or trailing one.
 * The empty path is a broadcast at the root.
 */
export type Path = string;

/** Where a broadcast came from: origin ids, oldest first, at most 32; 0 is an unknown hop. */
export type Hops = readonly bigint[];

/** What a publisher says of a track. */
export interface TrackInfo {
  /** Publisher priority: 0 to 255, higher is sent first (moq-lite's sense). */
  readonly priority: number;
  /** How long a group is worth keeping after a newer one, in milliseconds. */
  readonly maxLatencyMs: number;
}

/** What a subscriber wants of a track; the demand of several readers is merged. */
export interface TrackDemand {
  /** Subscriber priority: 0 to 255, higher is sent first. */
  readonly priority: number;
  /** First group wanted; absent: the newest. */
  readonly startGroup?: number;
}

/** A frame's header: its length is known before its bytes. */
export interface FrameHeader {
  /** Payload length in bytes. */
  readonly size: number;
  /** Presentation or capture time in milliseconds, if the publisher gave one. */
  readonly timestampMs?: number;
  /** When its header was read from the network, on the runtime's clock, where that is measured. */
  readonly arrivedAt?: number;
}

/* ---------------------------------------------------------------- writing */

/** Fills one group. Writes never wait. */
export interface GroupProducer {
  readonly sequence: number;
  /** The first frame that is not stored whole: where a source that can choose should continue. */
  readonly nextFrame: number;
  /**
   * The source begins with that frame instead of the first, because the frames
   * before were delivered already. Only before the first frame.
   *
   * @throws {MoqError} `frame_gap` beyond `nextFrame`, `frame_started`
   */
  startAt(frame: number): void;
  /** Begins the next frame; the one before must be whole. @throws {MoqError} `frame_incomplete` */
  beginFrame(header: FrameHeader): void;
  /**
   * The next bytes of the frame. They are kept as a view, so the caller must
   * not change them; a view that is a small part of its buffer is copied later.
   *
   * @throws {MoqError} `frame_overflow`
   */
  writeChunk(bytes: Uint8Array): void;
  /** A whole frame at once. */
  writeFrame(payload: Uint8Array, timestampMs?: number): void;
  /**
   * No more frames. A repeated group that ends before what is stored of it was
   * cut short on its way: that changes nothing.
   *
   * @throws {MoqError} `frame_incomplete`
   */
  finish(): void;
  /** The group ends unfinished; readers that got this far see the error. */
  abort(error: MoqError): void;
  /**
   * Called once, in a later microtask, when nobody wants the rest (dropped,
   * track over, taken over by another source): the filler may stop its stream.
   * What it still writes goes nowhere.
   */
  onUnwanted(callback: () => void): void;
}

/**
 * Fills one track. One producer may outlive several sources (sessions): a
 * group opened again continues the one that is there, dropping what was
 * already delivered and comparing it as it goes. Content that differs makes a
 * new instance: the write throws `instance_replaced`, and the track and its
 * broadcast, with all its sources, end with that error.
 */
export interface TrackProducer {
  readonly name: string;
  /** Newest group sequence, if any. */
  readonly latestGroup: number | undefined;
  /** Frames begun so far, in all groups; what a later source repeats is not counted again. */
  readonly frameCount: number;
  /**
   * Opens group `sequence` for writing, in any order. One that is stored, even
   * complete, is compared with what comes; `undefined` when it is too old or
   * the track has ended.
   *
   * @throws {MoqError} `group_invalid` unless `sequence` is a whole number from 0
   */
  openGroup(sequence: number): GroupProducer | undefined;
  /** Opens the group after the newest. @throws {MoqError} `track_ended` */
  appendGroup(): GroupProducer;
  /**
   * The source that was filling is gone and its group producers count no more.
   * Open groups wait for the next source; one that still waits when a newer
   * group is finished fails for its readers with `group_abandoned`.
   */
  detach(): void;
  /** The track is over, cleanly, after its last group; groups still open may be finished. */
  finish(): void;
  /** The track is over, with an error for its readers. The cache is dropped. */
  abort(error: MoqError): void;
  /** The demand of all readers together; `undefined` while there are none. It stands for the idle time after the last left. */
  readonly demand: TrackDemand | undefined;
  /**
   * Calls back, synchronously, each time `demand` changes. `undefined` means
   * that the last reader left and none came within the idle time; a requested
   * track has ended by then or ends right after, and the next reader causes a
   * new request. A created track goes on. Returns how to stop.
   */
  onDemand(callback: (demand: TrackDemand | undefined) => void): () => void;
  /** Resolves once the track has ended, from either side; never rejects. */
  readonly closed: Promise<EndReason>;
}

/** Somebody reads a track that nobody fills yet: accept, reject, or let it wait. */
export interface TrackRequest {
  readonly path: Path;
  readonly name: string;
  readonly demand: TrackDemand;
  /** Serves the request. */
  accept(info: TrackInfo): TrackProducer;
  /** Refuses it: readers get the error; a later reader causes a new request. */
  reject(error: MoqError): void;
  /** Called once if every reader leaves before the request was answered. */
  onCancelled(callback: () => void): void;
}

/** Answers requests for tracks. Called when a track's first reader comes, once per track until it ends. */
export type TrackRequestHandler = (request: TrackRequest) => void;

/** How something ended. */
export type EndReason =
  | { readonly type: "finished" }
  | { readonly type: "aborted"; readonly error: MoqError };

/** One source of one broadcast. */
export interface BroadcastProducer {
  readonly path: Path;
  readonly hops: Hops;
  /** A track this producer fills by itself, demand or not. @throws {MoqError} `track_duplicate` */
  createTrack(name: string, info?: Partial<TrackInfo>): TrackProducer;
  /** The chain changed (moq-lite RESTART with the same first hop). */
  setHops(hops: Hops): void;
  /**
   * A clean end: the path is un-announced at once unless another source has it.
   * Requested tracks run on until their producers end them, so that the last
   * groups arrive; created tracks finish. With another source of the same
   * instance left, tracks being read move there.
   */
  finish(): void;
  /** An outage: as `finish`, but without another source of the same instance its tracks fail. */
  abort(error: MoqError): void;
  readonly closed: Promise<EndReason>;
}

/** What `createBroadcast` takes. */
export interface BroadcastOptions {
  /** Default none. */
  readonly hops?: Hops;
  /** Serves tracks on demand; without it only created tracks exist and others are refused with `track_not_found`. */
  readonly onTrack?: TrackRequestHandler;
}

/** Filling an Origin. */
export interface OriginProducer {
  /**
   * Adds a source for `path`. A path with several sources uses the newest; one
   * with the same non-zero first hop as the current is the same instance and
   * changes nothing for readers, another replaces it (`ended`, then `active`).
   *
   * @throws {MoqError} `path_invalid`, `hops_invalid` (over 32, or a non-zero id twice)
   */
  createBroadcast(path: Path, options?: BroadcastOptions): BroadcastProducer;
  /**
   * Announces another Origin's broadcast here, under `path`, without copying.
   * Ends when that broadcast does, or with `abort` here; after `finish` here what
   * is being read runs on until its own source ends it.
   */
  publish(
    path: Path,
    broadcast: BroadcastConsumer,
    options?: { readonly hops?: Hops },
  ): BroadcastProducer;
  /**
   * Serves the tracks of paths that nobody announced (a peer that is asked by
   * name only). Returns how to stop; tracks then wait for another handler.
   */
  dynamic(onTrack: TrackRequestHandler): () => void;
}

/* ---------------------------------------------------------------- reading */

/** A piece of a group. */
export type GroupPiece =
  | { readonly type: "frame"; readonly header: FrameHeader }
  | { readonly type: "chunk"; readonly bytes: Uint8Array }
  | { readonly type: "end" };

/** Reads one group from its first frame, live. */
export interface GroupConsumer {
  readonly sequence: number;
  /**
   * The next piece if it is there, else `undefined`; after `end` always `end`.
   *
   * @throws {MoqError} the producer's error, or `group_evicted` when frames this reader needs are gone
   */
  next(): GroupPiece | undefined;
  /** Resolves when `next` has something or would throw. */
  readable(): Promise<void>;
  /** A whole frame, `undefined` at the end. For applications; the wire uses `next`. */
  readFrame(): Promise<{ readonly header: FrameHeader; readonly payload: Uint8Array } | undefined>;
  /** This reader is done with the group. */
  close(): void;
}

/** Reads one track: a subscription. */
export interface TrackConsumer {
  readonly name: string;
  /** Resolves when a source accepted. @throws {MoqError} the source's refusal */
  readonly info: Promise<TrackInfo>;
  /**
   * The next group in rising order, starting with the newest there is (or the
   * first from `startGroup`). A group that arrives after a higher one was taken
   * is not given. A reader so slow that a group it had yet to take was dropped
   * goes on with the newest. `undefined` at a clean end.
   *
   * @throws {MoqError} the producer's error
   */
  nextGroup(): Promise<GroupConsumer | undefined>;
  /** Groups this reader skipped so far. */
  readonly skippedGroups: number;
  update(demand: TrackDemand): void;
  /** Ends the subscription; a pending `nextGroup` gives `undefined`. */
  close(): void;
}

/** One instance of a broadcast, for reading. */
export interface BroadcastConsumer {
  readonly path: Path;
  readonly hops: Hops;
  /** Subscribes; nothing is pulled across before this. */
  subscribe(track: string, demand?: TrackDemand): TrackConsumer;
  /** Resolves once the instance has ended; never rejects. */
  readonly closed: Promise<EndReason>;
  /** For a requested broadcast: lets it go. For an announced one it does nothing. */
  close(): void;
}

/** A change of what an Origin carries. Several changes of one path before they are read become one, or none. */
export type Announcement =
  | {
      readonly type: "active";
      readonly path: Path;
      readonly hops: Hops;
      readonly broadcast: BroadcastConsumer;
    }
  | { readonly type: "ended"; readonly path: Path; readonly reason: EndReason };

/** A cursor over announcements: first everything live, then every change. */
export interface Announcements extends AsyncIterable<Announcement> {
  /** The next change, `undefined` after `close`. */
  next(): Promise<Announcement | undefined>;
  /** The next change if there is one now. */
  tryNext(): Announcement | undefined;
  close(): void;
}

/** Reading an Origin. */
export interface OriginConsumer {
  /** What is announced under `prefix` (whole segments), now and later. A replaced instance gives `ended`, then `active`. */
  announced(prefix?: Path): Announcements;
  /** The broadcast announced at exactly `path`. */
  broadcast(path: Path): BroadcastConsumer | undefined;
  /** A broadcast by name alone, announced or not, served by a `dynamic` handler. Close it when done. */
  request(path: Path): BroadcastConsumer;
}
