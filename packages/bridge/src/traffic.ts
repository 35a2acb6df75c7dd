import type { Ietf14Session } from "@moq-bridge/moq-ietf14-session";
import type { LiteSession } from "@moq-bridge/moq-lite-session";
import { DurationHistogram, type MoqError } from "@moq-bridge/runtime";

/** What one session did so far. */
export interface SessionTraffic {
  /** Bytes of data streams. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly framesReceived: number;
  readonly framesSent: number;
  readonly groupsReceived: number;
  readonly groupsSent: number;
  /** Groups a reader of that side did not get, whole or in part, because it was behind. */
  readonly groupsSkipped: number;
  /** Tracks read from that side now, and tracks that side reads now. */
  readonly subscriptions: number;
  readonly servedSubscriptions: number;
  /** How long each frame sent to that side was here: from the reading of its header to its hand-over to the transport. */
  readonly addedLatency: DurationHistogram;
}

/** What all sessions with one side did since the bridge was made; gauges are of those that are open. */
export interface SideTraffic extends SessionTraffic {
  readonly sessionsOpen: number;
  readonly sessionsOpened: number;
  /** Sessions opened in place of one that was lost. */
  readonly reconnects: number;
}

interface Ending {
  readonly closed: Promise<{ readonly by: string; readonly error?: MoqError }>;
}

type Sums = { -readonly [Name in keyof SessionTraffic]: SessionTraffic[Name] };

/** Adds up what the sessions of one side do, those that ended included. */
export class TrafficMeter<S extends Ending> {
  readonly #read: (session: S) => SessionTraffic;
  readonly #open = new Set<S>();
  readonly #ended = noTraffic();
  #opened = 0;
  #lost = 0;
  #reconnects = 0;

  constructor(read: (session: S) => SessionTraffic) {
    this.#read = read;
  }

  /** `connect`, with each session it opens counted. */
  counting(connect: (signal: AbortSignal) => Promise<S>): (signal: AbortSignal) => Promise<S> {
    return async (signal) => {
      const session = await connect(signal);
      this.#handleOpened(session);
      return session;
    };
  }

  total(): SideTraffic {
    const sums = noTraffic();
    add(sums, this.#ended);
    for (const session of this.#open) add(sums, this.#read(session));
    return {
      ...sums,
      sessionsOpen: this.#open.size,
      sessionsOpened: this.#opened,
      reconnects: this.#reconnects,
    };
  }

  #handleOpened(session: S): void {
    this.#open.add(session);
    this.#opened++;
    if (this.#lost > 0) {
      this.#lost--;
      this.#reconnects++;
    }
    void session.closed.then(({ by, error }) => {
      this.#open.delete(session);
      add(this.#ended, { ...this.#read(session), subscriptions: 0, servedSubscriptions: 0 });
      if (by !== "local" || error) this.#lost++;
    });
  }
}

/** What a moq-lite session did. */
export function liteTraffic(session: LiteSession): SessionTraffic {
  const stats = session.stats();
  return {
    bytesReceived: stats.bytesIn,
    bytesSent: stats.bytesOut,
    framesReceived: stats.framesIn,
    framesSent: stats.framesOut,
    groupsReceived: stats.groupsIn,
    groupsSent: stats.groupsOut,
    groupsSkipped: stats.groupsSkipped + stats.groupsBehind,
    subscriptions: stats.subscriptionsIn,
    servedSubscriptions: stats.subscriptionsOut,
    addedLatency: stats.addedLatency,
  };
}

/** What a draft-14 session did. */
export function ietf14Traffic(session: Ietf14Session): SessionTraffic {
  const stats = session.stats();
  return {
    bytesReceived: stats.bytesReceived,
    bytesSent: stats.bytesSent,
    framesReceived: stats.objectsReceived,
    framesSent: stats.objectsSent,
    groupsReceived: stats.groupsReceived,
    groupsSent: stats.groupsSent,
    groupsSkipped: stats.groupsSkipped,
    subscriptions: stats.subscriptions,
    servedSubscriptions: stats.servedSubscriptions,
    addedLatency: stats.addedLatency,
  };
}

function noTraffic(): Sums {
  return {
    bytesReceived: 0,
    bytesSent: 0,
    framesReceived: 0,
    framesSent: 0,
    groupsReceived: 0,
    groupsSent: 0,
    groupsSkipped: 0,
    subscriptions: 0,
    servedSubscriptions: 0,
    addedLatency: new DurationHistogram(),
  };
}

function add(sums: Sums, traffic: SessionTraffic): void {
  sums.bytesReceived += traffic.bytesReceived;
  sums.bytesSent += traffic.bytesSent;
  sums.framesReceived += traffic.framesReceived;
  sums.framesSent += traffic.framesSent;
  sums.groupsReceived += traffic.groupsReceived;
  sums.groupsSent += traffic.groupsSent;
  sums.groupsSkipped += traffic.groupsSkipped;
  sums.subscriptions += traffic.subscriptions;
  sums.servedSubscriptions += traffic.servedSubscriptions;
  sums.addedLatency.add(traffic.addedLatency);
}
