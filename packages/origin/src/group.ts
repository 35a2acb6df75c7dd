import type { MoqError } from "@moq-bridge/runtime";
import { groupError } from "./errors.js";
import type { GroupReader } from "./group-reader.js";
import type { GroupWriter } from "./group-writer.js";
import type { Evictable, MemoryBudget } from "./memory-budget.js";
import type { FrameHeader } from "./model.js";

/** Default size limit of one group: 32 MiB. */
export const DEFAULT_MAX_GROUP_BYTES = 32 * 1024 * 1024;

/**
 * What a piece costs beside its bytes: the piece, its view or header, its slot
 * and a share of the buffer's own bookkeeping. Counted so that a peer sending
 * empty frames or single bytes meets the limits too.
 */
const PIECE_OVERHEAD_BYTES = 160;

/** What an empty group costs. */
const GROUP_OVERHEAD_BYTES = 1024;

/** Dropped slots kept at the front of the log before it is compacted. */
const COMPACT_AFTER = 1024;

/** A piece as stored: `bytes` changes when a chunk is moved to a buffer of its own. */
export type StoredPiece =
  | { readonly type: "frame"; readonly header: FrameHeader }
  | { readonly type: "chunk"; bytes: Uint8Array };

/** Consecutive pieces whose chunks share one buffer; the unit of accounting and of dropping. */
interface Run {
  /** Log index after its last piece. */
  end: number;
  /** Its chunks' buffer, held in the budget. */
  buffer: ArrayBufferLike | undefined;
  /** Bytes of its chunks. */
  bytes: number;
  /** What its pieces cost beside the buffer. */
  overhead: number;
}

/** Where the first piece that is still there lies. */
export interface LogStart {
  /** Log index of that piece. */
  readonly index: number;
  /** The frame it belongs to. */
  readonly frame: number;
  /** That frame's size if its header is gone. */
  readonly size: number | undefined;
  /** Bytes of that frame that are gone. */
  readonly offset: number;
}

/** What a group tells its track. */
export interface GroupOwner {
  /** Frames begun in all groups of the track so far. */
  frameCount: number;
  /** The group is unfinished and has no source. */
  groupWaits(group: Group): void;
  /** The group has all its frames. */
  groupFinished(group: Group): void;
  /** The group's memory is gone. */
  groupDropped(group: Group): void;
  /** A source repeated the group with other content. Returns the error to throw at it. */
  contentDiffers(): MoqError;
}

/**
 * One group: a log of frame headers and chunks, written by one source at a
 * time and read by any number of cursors.
 *
 * Memory: chunks are kept as the views they came as. When a burst of writes is
 * over (a microtask later, or when the next buffer begins), the chunks that
 * share a buffer are looked at together: if they use less than half of it they
 * move to a new buffer of just their size. A buffer is counted once.
 */
export class Group implements Evictable {
  readonly sequence: number;
  readonly owner: GroupOwner;
  /** The source filling it; `undefined` while it waits for one. */
  writer: GroupWriter | undefined;
  /** When the first newer group was opened, on the runtime's clock. */
  overtakenAt: number | undefined;
  readonly #budget: MemoryBudget;
  readonly #maxBytes: number;

  #log: (StoredPiece | undefined)[] = [];
  /** Log index of `#log[0]`. */
  #offset = 0;
  /** Where the log starts: what lies before is dropped. */
  #start: LogStart = { index: 0, frame: 0, size: undefined, offset: 0 };
  #end = 0;
  #runs: Run[] = [];
  #run: Run | undefined;
  #bytes = 0;

  #frames = 0;
  #lastSize = 0;
  #lastReceived = 0;
  #finished = false;
  #failure: MoqError | undefined;
  #dropped = false;
  #retired = false;

  #readers = 0;
  readonly #waiting = new Set<GroupReader>();
  #flushScheduled = false;
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    this.#settleRun();
    for (const reader of this.#waiting) reader.wake();
    this.#waiting.clear();
  };

  constructor(owner: GroupOwner, sequence: number, budget: MemoryBudget, maxBytes: number) {
    this.owner = owner;
    this.sequence = sequence;
    this.#budget = budget;
    this.#maxBytes = maxBytes;
    budget.charge(GROUP_OVERHEAD_BYTES);
  }

  /* ------------------------------------------------------------- state */

  /** All its frames are known. */
  get finished(): boolean {
    return this.#finished;
  }

  /** More may come. */
  get unended(): boolean {
    return !this.#finished && this.#failure === undefined;
  }

  /** Why nothing more can be read, once readers got as far as there is. */
  get failure(): MoqError | undefined {
    return this.#failure;
  }

  /** Its memory is gone for good. */
  get dropped(): boolean {
    return this.#dropped;
  }

  /** It can be had from its first frame. */
  get startsWhole(): boolean {
    return !this.#dropped && this.#start.index === 0;
  }

  /** A new reader can have it from its first frame, and may hope for its last. */
  get joinable(): boolean {
    return this.startsWhole && this.#failure === undefined;
  }

  /** Frames begun so far. */
  get frames(): number {
    return this.#frames;
  }

  /** Bytes received of the last frame. */
  get lastReceived(): number {
    return this.#lastReceived;
  }

  /** Its last frame has all its bytes. */
  get whole(): boolean {
    return this.#lastReceived === this.#lastSize;
  }

  get start(): LogStart {
    return this.#start;
  }

  /** The piece at a log index not below `start.index`. */
  pieceAt(index: number): StoredPiece | undefined {
    return this.#log[index - this.#offset];
  }

  /* ------------------------------------------------------------ writing */

  /** The group is being written (again): an error of an earlier source no longer counts. */
  reopen(writer: GroupWriter): void {
    this.writer = writer;
    if (!this.#finished) this.#failure = undefined;
  }

  appendFrame(header: FrameHeader): void {
    this.#frames++;
    this.owner.frameCount++;
    this.#lastSize = header.size;
    this.#lastReceived = 0;
    this.#append({ type: "frame", header }, this.#run ?? this.#openRun());
  }

  appendChunk(bytes: Uint8Array): void {
    this.#lastReceived += bytes.byteLength;
    let run = this.#run ?? this.#openRun();
    if (run.buffer !== bytes.buffer) {
      if (run.buffer !== undefined) {
        this.#settleRun();
        if (this.#dropped) return;
        run = this.#openRun();
      }
      run.buffer = bytes.buffer;
      this.#bytes += bytes.buffer.byteLength;
      this.#budget.hold(bytes.buffer);
      if (this.#dropped) return;
    }
    run.bytes += bytes.byteLength;
    this.#append({ type: "chunk", bytes }, run);
  }

  /** The source is gone, or has no more of the group than was known: the rest is up to another. */
  leave(): void {
    this.writer = undefined;
    if (this.unended) this.owner.groupWaits(this);
  }

  finish(): void {
    this.#finished = true;
    this.writer = undefined;
    this.#wakeSoon();
    this.owner.groupFinished(this);
  }

  /** No more will come from this source; what is there stays readable up to the error. */
  fail(error: MoqError): void {
    if (!this.unended) return;
    this.#failure = error;
    this.writer = undefined;
    this.#wakeSoon();
  }

  /* ------------------------------------------------------------ reading */

  addReader(): void {
    this.#readers++;
  }

  removeReader(): void {
    this.#readers--;
    if (this.#retired && this.#readers === 0) this.#drop();
  }

  /** `reader.wake` is called once, when there is news. */
  wait(reader: GroupReader): void {
    this.#waiting.add(reader);
  }

  stopWaiting(reader: GroupReader): void {
    this.#waiting.delete(reader);
  }

  /* ----------------------------------------------------------- dropping */

  /** Gives the memory back now; readers that need more fail with `group_evicted`. */
  evict(): void {
    this.#drop();
  }

  /** The track no longer keeps it: it goes with its last reader, or earlier when memory runs short. */
  retire(): void {
    if (this.#dropped || this.#retired) return;
    this.#retired = true;
    if (this.#readers === 0) this.#drop();
    else this.#budget.addEvictable(this);
  }

  #drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#budget.removeEvictable(this);
    if (this.unended) {
      this.#failure = groupError("group_evicted", "the group was dropped before it was read");
    }
    if (this.#run) this.#closeRun(this.#run);
    const runs = this.#runs;
    this.#runs = [];
    for (const run of runs) this.#releaseRun(run);
    this.#budget.discharge(GROUP_OVERHEAD_BYTES);
    this.#log = [];
    this.#offset = this.#end;
    this.#start = { index: this.#end, frame: this.#frames, size: undefined, offset: 0 };
    const writer = this.writer;
    this.writer = undefined;
    writer?.unwanted();
    this.#wakeSoon();
    this.owner.groupDropped(this);
  }

  /* --------------------------------------------------------- accounting */

  #openRun(): Run {
    const run: Run = { end: this.#end, buffer: undefined, bytes: 0, overhead: 0 };
    this.#run = run;
    return run;
  }

  #append(piece: StoredPiece, run: Run): void {
    this.#log.push(piece);
    run.end = ++this.#end;
    run.overhead += PIECE_OVERHEAD_BYTES;
    this.#bytes += PIECE_OVERHEAD_BYTES;
    this.#budget.charge(PIECE_OVERHEAD_BYTES);
    if (this.#bytes > this.#maxBytes || this.#budget.overrun) this.#shrink();
    this.#wakeSoon();
  }

  #wakeSoon(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(this.#flush);
  }

  /** Ends the open run: keeps its buffer, or moves its chunks if most of the buffer is not ours. */
  #settleRun(): void {
    const run = this.#run;
    if (!run) return;
    this.#closeRun(run);
    const { buffer } = run;
    if (buffer === undefined || run.bytes * 2 >= buffer.byteLength) return;
    const own = new Uint8Array(run.bytes);
    let filled = 0;
    let first = this.#runs.at(-2)?.end ?? this.#start.index;
    for (; first < run.end; first++) {
      const piece = this.pieceAt(first);
      if (piece?.type !== "chunk") continue;
      own.set(piece.bytes, filled);
      piece.bytes = own.subarray(filled, filled + piece.bytes.byteLength);
      filled += piece.bytes.byteLength;
    }
    run.buffer = own.buffer;
    this.#bytes += own.byteLength - buffer.byteLength;
    this.#budget.release(buffer);
    this.#budget.hold(own.buffer);
  }

  #closeRun(run: Run): void {
    this.#run = undefined;
    this.#runs.push(run);
  }

  #releaseRun(run: Run): void {
    if (run.buffer) {
      this.#bytes -= run.buffer.byteLength;
      this.#budget.release(run.buffer);
    }
    this.#bytes -= run.overhead;
    this.#budget.discharge(run.overhead);
  }

  /** Drops the oldest pieces down to the limits, except those of the buffer that came last. */
  #shrink(): void {
    const keep = this.#run ? 0 : 1;
    let runs = 0;
    while (
      this.#runs.length - runs > keep &&
      (this.#bytes > this.#maxBytes || this.#budget.overrun)
    ) {
      const run = this.#runs[runs++];
      if (!run) break;
      this.#advanceStart(run.end);
      this.#releaseRun(run);
    }
    this.#runs.splice(0, runs);
    this.#wakeSoon();
  }

  #advanceStart(end: number): void {
    let { index, frame, size, offset } = this.#start;
    for (; index < end; index++) {
      const piece = this.pieceAt(index);
      if (piece?.type === "frame") {
        if (size !== undefined) frame++;
        size = piece.header.size;
        offset = 0;
      } else if (piece) {
        offset += piece.bytes.byteLength;
      }
      this.#log[index - this.#offset] = undefined;
    }
    this.#start = { index, frame, size, offset };
    const gone = index - this.#offset;
    if (gone > COMPACT_AFTER && gone * 2 > this.#log.length) {
      this.#log.splice(0, gone);
      this.#offset = index;
    }
  }
}
