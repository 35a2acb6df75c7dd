import {
  type Announcement,
  type Announcements,
  type BroadcastConsumer,
  type BroadcastOptions,
  type BroadcastProducer,
  type Hops,
  hasPathPrefix,
  type OriginConsumer,
  type OriginProducer,
  type Path,
  type TrackRequestHandler,
} from "@moq-bridge/origin";
import { MoqError } from "@moq-bridge/runtime";

/** Where in an Origin a session is, and which prefixes below that it may use. */
export interface Scope {
  readonly root: Path;
  readonly prefixes: readonly Path[];
}

/** What a session may publish: its paths lie below the root. Others are refused with `path_forbidden`. */
export class ScopedProducer implements OriginProducer {
  readonly #origin: OriginProducer;
  readonly #scope: Scope;

  constructor(origin: OriginProducer, scope: Scope) {
    this.#origin = origin;
    this.#scope = scope;
  }

  createBroadcast(path: Path, options?: BroadcastOptions): BroadcastProducer {
    return this.#origin.createBroadcast(inside(this.#scope, path), options);
  }

  publish(
    path: Path,
    broadcast: BroadcastConsumer,
    options?: { readonly hops?: Hops },
  ): BroadcastProducer {
    return this.#origin.publish(inside(this.#scope, path), broadcast, options);
  }

  dynamic(_onTrack: TrackRequestHandler): () => void {
    throw forbidden("a session of this relay serves what it announces, nothing else");
  }
}

/** What a session may see, by paths relative to its root. */
export class ScopedConsumer implements OriginConsumer {
  readonly #origin: OriginConsumer;
  readonly #scope: Scope;

  constructor(origin: OriginConsumer, scope: Scope) {
    this.#origin = origin;
    this.#scope = scope;
  }

  announced(prefix: Path = ""): Announcements {
    const { root } = this.#scope;
    return new ScopedAnnouncements(this.#origin.announced(below(root, prefix)), this.#scope);
  }

  broadcast(path: Path): BroadcastConsumer | undefined {
    if (!permits(this.#scope, path)) return undefined;
    return this.#origin.broadcast(below(this.#scope.root, path));
  }

  request(path: Path): BroadcastConsumer {
    return this.#origin.request(inside(this.#scope, path));
  }
}

class ScopedAnnouncements implements Announcements {
  readonly #inner: Announcements;
  readonly #scope: Scope;

  constructor(inner: Announcements, scope: Scope) {
    this.#inner = inner;
    this.#scope = scope;
  }

  tryNext(): Announcement | undefined {
    for (let next = this.#inner.tryNext(); next; next = this.#inner.tryNext()) {
      const seen = this.#see(next);
      if (seen) return seen;
    }
    return undefined;
  }

  async next(): Promise<Announcement | undefined> {
    for (let next = await this.#inner.next(); next; next = await this.#inner.next()) {
      const seen = this.#see(next);
      if (seen) return seen;
    }
    return undefined;
  }

  close(): void {
    this.#inner.close();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Announcement> {
    try {
      for (let next = await this.next(); next; next = await this.next()) yield next;
    } finally {
      this.close();
    }
  }

  #see(announcement: Announcement): Announcement | undefined {
    const { root } = this.#scope;
    const path = root === "" ? announcement.path : announcement.path.slice(root.length + 1);
    return permits(this.#scope, path) ? { ...announcement, path } : undefined;
  }
}

function permits({ prefixes }: Scope, path: Path): boolean {
  return prefixes.some((prefix) => hasPathPrefix(path, prefix));
}

function inside(scope: Scope, path: Path): Path {
  if (!permits(scope, path)) throw forbidden("the session may not use this path");
  return below(scope.root, path);
}

function below(root: Path, path: Path): Path {
  if (root === "") return path;
  return path === "" ? root : `${root}/${path}`;
}

function forbidden(message: string): MoqError {
  return new MoqError("path_forbidden", message, { scope: "subscription" });
}
