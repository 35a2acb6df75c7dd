import type { SubgroupHeader, TrackNamespace } from "@moq-bridge/moq-wire/ietf14";
import { CachedStream } from "./cached-stream.js";
import type { Done, Viewer } from "./viewer.js";

/** A track somebody subscribed to: one subscription at the publisher, however many viewers. */
export class RelayedTrack {
  readonly namespace: TrackNamespace;
  readonly name: string;
  /** The request ID of our SUBSCRIBE to the publisher. */
  readonly requestId: number;
  readonly #viewers = new Set<Viewer>();
  readonly #openStreams = new Set<CachedStream>();
  /** The streams of the newest group, which whoever joins gets from their beginning. */
  #newest: CachedStream[] = [];
  #newestGroup = -1;
  #ended: Done | undefined;

  constructor(namespace: TrackNamespace, name: string, requestId: number) {
    this.namespace = namespace;
    this.name = name;
    this.requestId = requestId;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  join(viewer: Viewer): void {
    this.#viewers.add(viewer);
    for (const stream of this.#newest) viewer.send(stream);
    if (this.#ended && this.#openStreams.size === 0) this.#finish(this.#ended);
  }

  leave(viewer: Viewer): void {
    this.#viewers.delete(viewer);
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
    stream.end(how);
    this.#openStreams.delete(stream);
    if (this.#ended && this.#openStreams.size === 0) this.#finish(this.#ended);
  }

  /** No more streams come. Viewers are told once those under way have ended. */
  end(done: Done): void {
    this.#ended ??= done;
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
