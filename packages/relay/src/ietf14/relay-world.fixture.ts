import {
  cloudflare,
  connectIetf14,
  type Ietf14Session,
  type Subscription,
} from "@moq-bridge/moq-ietf14-session";
import { type GroupConsumer, Origin, type TrackProducer } from "@moq-bridge/origin";
import { MoqError, VirtualRuntime } from "@moq-bridge/runtime";
import { type MemoryPair, memoryPair, type TransportSession } from "@moq-bridge/transport";
import { Ietf14Relay } from "./ietf14-relay.js";
import { type Ietf14Rules, PLAIN_RULES } from "./rules.js";

/** A relay on a virtual clock, and sessions with it. */
export class World {
  readonly runtime = new VirtualRuntime({ seed: 3 });
  readonly relay: Ietf14Relay;

  constructor(rules: Partial<Ietf14Rules> = {}) {
    this.relay = new Ietf14Relay({
      runtime: this.runtime,
      rules: { ...PLAIN_RULES, ...rules },
    });
  }

  transport(path = "/"): MemoryPair {
    const pair = memoryPair({ runtime: this.runtime, protocol: "moq-00" });
    void this.relay.serve(withPath(pair.server, path));
    return pair;
  }

  async connect(path = "/"): Promise<Ietf14Session> {
    return this.connectOver(this.transport(path));
  }

  async connectOver(pair: MemoryPair): Promise<Ietf14Session> {
    const opening = connectIetf14(pair.client, {
      runtime: this.runtime,
      profile: cloudflare,
    });
    await this.settle();
    return opening;
  }

  /** A broadcast whose tracks are made when they are asked for. */
  broadcast(path: string) {
    const origin = new Origin({ runtime: this.runtime });
    const tracks: TrackProducer[] = [];
    origin.createBroadcast(path, {
      onTrack: (request) => {
        if (request.name === "none") request.reject(notHere);
        else tracks.push(request.accept({ priority: 1, maxLatencyMs: 1000 }));
      },
    });
    const broadcast = origin.broadcast(path);
    if (!broadcast) throw new Error("not announced");
    return { broadcast, tracks };
  }

  async publish(session: Ietf14Session, path: string) {
    const { broadcast, tracks } = this.broadcast(path);
    const publication = session.publishNamespace(path, broadcast);
    publication.accepted.catch(() => {});
    await this.settle();
    return { publication, tracks };
  }

  /** Collects what a subscription brings, as text. */
  async watch(session: Ietf14Session, path: string, track = "t") {
    const origin = new Origin({ runtime: this.runtime });
    const sink = origin.createBroadcast("sink").createTrack("t");
    const reader = origin.broadcast("sink")?.subscribe("t");
    const seen: string[] = [];
    const read = async (group: GroupConsumer) => {
      const frames: string[] = [];
      const at = seen.push(`${group.sequence}:`) - 1;
      for (let frame = await group.readFrame(); frame; frame = await group.readFrame()) {
        frames.push(Buffer.from(frame.payload).toString());
        seen[at] = `${group.sequence}: ${frames.join(" ")}`;
      }
      seen[at] += ".";
    };
    void (async () => {
      for (let group = await reader?.nextGroup(); group; group = await reader?.nextGroup()) {
        // A group that was reset is seen without its final dot.
        await read(group).catch(() => undefined);
      }
    })();
    const subscription = session.subscribe(path, track);
    void subscription.accepted.then(
      () => subscription.fill(sink),
      () => undefined,
    );
    await this.settle();
    return { seen, subscription };
  }

  async settle(ms = 5): Promise<void> {
    await this.runtime.advance(ms);
  }
}

const notHere = new MoqError("track_not_found", "no such track", { scope: "subscription" });

function withPath(session: TransportSession, path: string): TransportSession {
  return new Proxy(session, {
    get: (target, key) => {
      if (key === "path") return path;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Opens a group and writes frames. */
export function write(track: TrackProducer | undefined, group: number, ...frames: string[]) {
  const open = track?.openGroup(group);
  for (const frame of frames) open?.writeFrame(Buffer.from(frame));
  return open;
}

/** How a subscription ended, given some time. */
export async function end(world: World, subscription: Subscription) {
  let ended: unknown;
  void subscription.done.then((value) => {
    ended = value;
  });
  await world.settle(2000);
  return ended;
}
