import type { Announcement, BroadcastConsumer, OriginConsumer, Path } from "@moq-bridge/origin";
import { type MoqError, toMoqError } from "@moq-bridge/runtime";
import type { NamespacePublication } from "./publication.js";

/** What {@link announceAll} publishes on: a session. */
export interface NamespaceTarget {
  publishNamespace(path: Path, broadcast: BroadcastConsumer): NamespacePublication;
  readonly closed: Promise<unknown>;
}

/** What {@link announceAll} may be told. */
export interface AnnounceAllOptions {
  /** Only paths under this one; default all. */
  readonly prefix?: Path;
  /** A path the peer refused, or that has no form as a namespace. */
  readonly onRefused?: (path: Path, error: MoqError) => void;
}

/** Publishing under way. */
export interface AnnounceAll {
  /** Stops, and withdraws what it published. */
  close(): void;
}

/** Publishes everything an Origin announces, now and later, with PUBLISH_NAMESPACE. Ends with the session. */
export function announceAll(
  session: NamespaceTarget,
  origin: OriginConsumer,
  options: AnnounceAllOptions = {},
): AnnounceAll {
  const announcements = origin.announced(options.prefix);
  const published = new Map<Path, NamespacePublication>();

  function handle(announcement: Announcement): void {
    const { path } = announcement;
    published.get(path)?.withdraw();
    published.delete(path);
    if (announcement.type === "ended") return;
    try {
      const publication = session.publishNamespace(path, announcement.broadcast);
      published.set(path, publication);
      publication.accepted.catch((error: unknown) => refused(path, error));
    } catch (error) {
      refused(path, error);
    }
  }

  function refused(path: Path, thrown: unknown): void {
    const error = toMoqError(thrown, "publish_failed", "subscription");
    if (error.code === "withdrawn" || error.scope === "session") return;
    options.onRefused?.(path, error);
  }

  async function run(): Promise<void> {
    for await (const announcement of announcements) handle(announcement);
  }

  void run();
  void session.closed.then(() => announcements.close());
  return {
    close() {
      announcements.close();
      for (const publication of published.values()) publication.withdraw();
      published.clear();
    },
  };
}
