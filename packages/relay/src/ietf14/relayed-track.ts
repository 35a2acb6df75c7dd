import {
  PUBLISH_DONE_STATUS,
  type SubgroupHeader,
  type TrackNamespace,
} from "@moq-bridge/moq-wire/ietf14";
import { CachedStream } from "./cached-stream.js";
import type { Ietf14Rules, RuleName } from "./rules.js";
import type { Done, Viewer } from "./viewer.js";

const OVERTAKEN = { code: PUBLISH_DONE_STATUS.unauthorized, reason: "cancelled" };
const REPEATED = { code: PUBLISH_DONE_STATUS.internalError, reason: "done" };

/** A track somebody subscribed to: one subscription at the publisher, however many viewers. */
export class RelayedTrack {
  readonly namespace: TrackNamespace;
  readonly name: string;
  /** The request ID of our SUBSCRIBE to the publisher. */
  readonly requestId: number;
  readonly #rules: Ietf14Rules;
  readonly #count: (rule: RuleName) => void;
  readonly #viewers = new Set<Viewer>();
  readonly #openStreams = new Set<CachedStream>();
  /** The streams of the newest group, which whoever joins gets from their beginning. */
  #newest: CachedStream[] = [];
  #newestGroup = -1;
  #ended: Done | undefined;
  /** Resolves with the publisher's answer: a refusal's code, or none. */
  readonly answered: Promise<number | undefined>;
  #answer: (refusal: number | undefined) => void = () => {};

  constructor(
    asked: { namespace: TrackNamespace; name: string; requestId: number },
    rules: Ietf14Rules,
    count: (rule: RuleName) => void,
  ) {
    this.namespace = asked.namespace;
    this.name = asked.name;
    this.requestId = asked.requestId;
    this.#rules = rules;
    this.#count = count;
    this.answered = new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  /** The publisher accepted. */
  accept(): void {
    this.#answer(undefined);
  }

  /** Whether a stream of it is under way. */
  get draining(): boolean {
    return this.#openStreams.size > 0;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  join(viewer: Viewer): void {
    this.#viewers.add(viewer);
    for (const stream of this.#newest) {
      if (this.#rules.replaysClosedGroups || !stream.ended) viewer.send(stream);
      else this.#count("replaysClosedGroups");
    }
    if (this.#ended && this.#openStreams.size === 0) this.#finish(this.#ended);
  }

  leave(viewer: Viewer): void {
    this.#viewers.delete(viewer);
  }

  /** What ends the track if a stream with this header comes now, by the rules. */
  fault({ groupId, subgroupId }: SubgroupHeader): Done | undefined {
    if (!this.#rules.overtakenGroupEndsTrack) return undefined;
    const repeated = this.#newest.some(({ header }) => header.subgroupId === subgroupId);
    const isNewest = groupId === this.#newestGroup;
    if (groupId > this.#newestGroup || (isNewest && !repeated)) return undefined;
    this.#count("overtakenGroupEndsTrack");
    return isNewest ? REPEATED : OVERTAKEN;
  }

  /** The publisher opened a stream. */
  open(header: SubgroupHeader): CachedStream {
    const stream = new CachedStream(header);
    this.#openStreams.add(stream);
    if (header.groupId > this.#newestGroup) {
      this.#newestGroup = header.groupId;
      this.#newest = [];
    }
    if (header.groupId === this.#newestGroup) this.#newest.push(stream);
    for (const viewer of this.#viewers) viewer.send(stream);
    return stream;
  }

  /** A stream of the publisher ended. */
  close(stream: CachedStream, how: "fin" | "reset"): void {
    const hidden = how === "reset" && this.#rules.resetBecomesFin;
    if (hidden) this.#count("resetBecomesFin");
    stream.end(hidden ? "fin" : how);
    this.#openStreams.delete(stream);
    if (this.#ended && this.#openStreams.size === 0) this.#finish(this.#ended);
  }

  /** No more streams come. Viewers are told once those under way have ended. */
  end(done: Done): void {
    this.#ended ??= done;
    this.#answer(done.code);
    if (this.#openStreams.size === 0) this.#finish(this.#ended);
  }

  /** The publisher is gone, with its streams. */
  lose(done: Done): void {
    for (const stream of [...this.#openStreams]) this.close(stream, "reset");
    this.end(done);
  }

  #finish(done: Done): void {
    for (const viewer of this.#viewers) viewer.end(done);
    this.#viewers.clear();
    this.#newest = [];
  }
}
