import type { AnnouncedBroadcast } from "./broadcast.js";
import { FINISHED } from "./errors.js";
import type { Announcement, Announcements, Path } from "./model.js";
import { parsePath } from "./path.js";

/** A node of the tree of path segments. */
interface Node {
  readonly children: Map<string, Node>;
  readonly cursors: Set<AnnouncementCursor>;
  live: AnnouncedBroadcast | undefined;
}

/**
 * What is announced, and who listens where. A change costs as much as its path
 * is deep plus one step per listener it concerns; a new listener costs as much
 * as there is under its prefix.
 */
export class AnnouncementBoard {
  readonly #root: Node = newNode();

  /** What is announced at `path`. */
  get(path: Path): AnnouncedBroadcast | undefined {
    let node: Node | undefined = this.#root;
    for (const part of split(path)) node = node?.children.get(part);
    return node?.live;
  }

  /** Announces `broadcast` at `path` in place of what was there; `undefined` un-announces. */
  set(path: Path, broadcast: AnnouncedBroadcast | undefined): void {
    const way = this.#way(split(path));
    const last = way.at(-1) ?? this.#root;
    last.live = broadcast;
    for (const node of way) {
      for (const cursor of node.cursors) cursor.changed(path, broadcast);
    }
    this.#prune(way, split(path));
  }

  /** A cursor over everything under `prefix`. @throws {MoqError} `path_invalid` */
  listen(prefix: Path): Announcements {
    const parts = parsePath(prefix);
    const way = this.#way(parts);
    const node = way.at(-1) ?? this.#root;
    const cursor = new AnnouncementCursor(() => {
      node.cursors.delete(cursor);
      this.#prune(this.#way(parts), parts);
    });
    node.cursors.add(cursor);
    const below = [node];
    for (let next = below.pop(); next; next = below.pop()) {
      if (next.live) cursor.changed(next.live.path, next.live);
      below.push(...[...next.children.values()].reverse());
    }
    return cursor;
  }

  /** Closes every cursor. */
  close(): void {
    const nodes = [this.#root];
    const cursors: AnnouncementCursor[] = [];
    for (let node = nodes.pop(); node; node = nodes.pop()) {
      cursors.push(...node.cursors);
      nodes.push(...node.children.values());
    }
    for (const cursor of cursors) cursor.close();
  }

  /** The nodes from the root to `parts`, made where missing. */
  #way(parts: readonly string[]): Node[] {
    let node = this.#root;
    const way = [node];
    for (const part of parts) {
      let child = node.children.get(part);
      if (!child) {
        child = newNode();
        node.children.set(part, child);
      }
      node = child;
      way.push(node);
    }
    return way;
  }

  /** Removes nodes that hold nothing, from the end of the way. */
  #prune(way: readonly Node[], parts: readonly string[]): void {
    for (let depth = parts.length; depth > 0; depth--) {
      const node = way[depth];
      if (!node || node.live || node.cursors.size > 0 || node.children.size > 0) return;
      way[depth - 1]?.children.delete(parts[depth - 1] ?? "");
    }
  }
}

/**
 * One listener. It remembers per path what the listener was told last and what
 * is true now, so that however slow it is it holds no more than what is live
 * and what it has yet to hear of the end of.
 */
export class AnnouncementCursor implements Announcements {
  readonly #onClose: () => void;
  /** What the listener believes to be active. */
  readonly #told = new Map<Path, AnnouncedBroadcast>();
  /** Where that is no longer true, in the order of change. */
  readonly #changed = new Map<Path, AnnouncedBroadcast | undefined>();
  /** Kept between calls: starting over would step through all that was deleted. */
  #iterator: IterableIterator<[Path, AnnouncedBroadcast | undefined]> | undefined;
  /** Its old instance was just told to be over; the new one comes next. */
  #replacing: Path | undefined;
  #closed = false;
  #waiting: (() => void)[] = [];

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  /** Called by the board. */
  changed(path: Path, broadcast: AnnouncedBroadcast | undefined): void {
    if (this.#closed) return;
    if (this.#told.get(path) === broadcast) {
      this.#changed.delete(path);
      return;
    }
    this.#changed.set(path, broadcast);
    this.#wake();
  }

  tryNext(): Announcement | undefined {
    if (this.#closed) return undefined;
    const path = this.#takePath();
    if (path === undefined) return undefined;
    const now = this.#changed.get(path);
    const told = this.#told.get(path);
    if (told) {
      this.#told.delete(path);
      if (now) this.#replacing = path;
      else this.#changed.delete(path);
      return { type: "ended", path, reason: told.ended ?? FINISHED };
    }
    this.#changed.delete(path);
    if (!now) return undefined;
    this.#told.set(path, now);
    return { type: "active", path, hops: now.hops, broadcast: now };
  }

  async next(): Promise<Announcement | undefined> {
    for (;;) {
      const announcement = this.tryNext();
      if (announcement || this.#closed) return announcement;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#told.clear();
    this.#changed.clear();
    this.#wake();
    this.#onClose();
  }

  [Symbol.asyncIterator](): AsyncIterator<Announcement> {
    return {
      next: async () => {
        const value = await this.next();
        return value ? { done: false, value } : { done: true, value: undefined };
      },
      return: async () => {
        this.close();
        return { done: true, value: undefined };
      },
    };
  }

  /** The path changed first of those the listener has not heard of. */
  #takePath(): Path | undefined {
    const replacing = this.#replacing;
    this.#replacing = undefined;
    if (replacing !== undefined && this.#changed.has(replacing)) return replacing;
    if (this.#changed.size === 0) {
      this.#iterator = undefined;
      return undefined;
    }
    this.#iterator ??= this.#changed.entries();
    const next = this.#iterator.next();
    if (!next.done) return next.value[0];
    this.#iterator = undefined;
    return this.#takePath();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function newNode(): Node {
  return { children: new Map(), cursors: new Set(), live: undefined };
}

function split(path: Path): string[] {
  return path === "" ? [] : path.split("/");
}
