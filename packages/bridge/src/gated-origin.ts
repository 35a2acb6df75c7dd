import type {
  Announcement,
  Announcements,
  BroadcastConsumer,
  OriginConsumer,
  Path,
} from "@moq-bridge/origin";

/**
 * An Origin that announces nothing until a gate opens. The relay prefers the
 * newest publisher of a name and then tells us of no other: whoever speaks
 * before having listened would replace the relay's own broadcasts unseen.
 */
export class GatedOrigin implements OriginConsumer {
  readonly #origin: OriginConsumer;
  readonly #gate: Promise<void>;

  constructor(origin: OriginConsumer, gate: Promise<void>) {
    this.#origin = origin;
    this.#gate = gate;
  }

  announced(prefix?: Path): Announcements {
    return new GatedAnnouncements(() => this.#origin.announced(prefix), this.#gate);
  }

  broadcast(path: Path): BroadcastConsumer | undefined {
    return this.#origin.broadcast(path);
  }

  request(path: Path): BroadcastConsumer {
    return this.#origin.request(path);
  }
}

class GatedAnnouncements implements Announcements {
  readonly #opened: Promise<Announcements | undefined>;
  #inner: Announcements | undefined;
  #closed = false;
  #onClose: () => void = () => {};

  constructor(open: () => Announcements, gate: Promise<void>) {
    const closed = new Promise<void>((resolve) => {
      this.#onClose = resolve;
    });
    this.#opened = Promise.race([gate, closed]).then(() => {
      if (!this.#closed) this.#inner = open();
      return this.#inner;
    });
  }

  async next(): Promise<Announcement | undefined> {
    return (await this.#opened)?.next();
  }

  tryNext(): Announcement | undefined {
    return this.#inner?.tryNext();
  }

  close(): void {
    this.#closed = true;
    this.#onClose();
    this.#inner?.close();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Announcement> {
    for (let next = await this.next(); next; next = await this.next()) yield next;
  }
}
