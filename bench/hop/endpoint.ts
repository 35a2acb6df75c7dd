import { cloudflare, connectIetf14, IETF14_PROTOCOLS } from "@moq-bridge/moq-ietf14-session";
import { connectLite, LITE_PROTOCOLS } from "@moq-bridge/moq-lite-session";
import { type BroadcastConsumer, Origin, type TrackProducer } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { connectRelay, type TlsTrust } from "@moq-bridge/transport";

/** A publisher and a viewer of one dialect, connected to one relay. */
export interface Endpoint {
  readonly name: string;
  /** Announces a broadcast whose track `t` is filled by the returned producer once somebody asks. */
  publish(path: string): Promise<Publication>;
  /** Reads track `t` of a broadcast; resolves when the track was accepted. */
  view(path: string): Promise<View>;
  close(): void;
}

export interface Publication {
  /** Resolves when the track is asked for. */
  readonly track: Promise<TrackProducer>;
  end(): void;
}

export interface View {
  readonly broadcast: BroadcastConsumer;
  end(): void;
}

const TRACK = "t";
const INFO = { priority: 128, maxLatencyMs: 5_000 };

export async function liteEndpoint(url: string, tls: TlsTrust): Promise<Endpoint> {
  const transport = () =>
    connectRelay(url, { protocols: LITE_PROTOCOLS, tls, timeoutMs: 5_000, fallback: false });
  const out = new Origin({ runtime });
  const into = new Origin({ runtime });
  const sessions = [
    await connectLite((await transport()).session, { runtime, publish: out, originId: 1001n }),
    await connectLite((await transport()).session, { runtime, subscribe: into, originId: 1002n }),
  ];
  return {
    name: "moq-lite",
    publish: async (path) => announce(out, path),
    view: async (path) => {
      const announced = into.announced(path);
      for await (const change of announced) {
        if (change.type !== "active") continue;
        return { broadcast: change.broadcast, end: () => announced.close() };
      }
      throw new Error("the session ended");
    },
    close: () => {
      for (const session of sessions) session.close();
    },
  };
}

export async function ietfEndpoint(url: string, tls: TlsTrust): Promise<Endpoint> {
  const connect = async () => {
    const options = { protocols: IETF14_PROTOCOLS, tls, timeoutMs: 5_000, fallback: false };
    const { session } = await connectRelay(url, options);
    return connectIetf14(session, { runtime, profile: cloudflare });
  };
  const publisher = await connect();
  const viewer = await connect();
  const origin = new Origin({ runtime });
  const cdn = new Origin({ runtime });
  cdn.dynamic((request) => {
    const subscription = viewer.subscribe(request.path, request.name, request.demand);
    subscription.accepted.then(
      (info) => {
        const track = request.accept(info);
        subscription.fill(track);
        void track.closed.then(() => subscription.unsubscribe());
      },
      (error) => request.reject(error),
    );
  });
  return {
    name: "draft-14",
    publish: async (path) => {
      const publication = announce(origin, path);
      const broadcast = origin.broadcast(path);
      if (!broadcast) throw new Error("nothing to publish");
      const name = publisher.publishNamespace(path, broadcast);
      await name.accepted;
      return {
        track: publication.track,
        end: () => {
          name.withdraw();
          publication.end();
        },
      };
    },
    view: async (path) => {
      const broadcast = cdn.request(path);
      return { broadcast, end: () => broadcast.close() };
    },
    close: () => {
      publisher.close();
      viewer.close();
    },
  };
}

function announce(origin: Origin, path: string): Publication {
  let accepted: (track: TrackProducer) => void = () => {};
  const track = new Promise<TrackProducer>((resolve) => {
    accepted = resolve;
  });
  const broadcast = origin.createBroadcast(path, {
    onTrack: (request) => accepted(request.accept(INFO)),
  });
  return { track, end: () => broadcast.finish() };
}

/** Subscribes to the track that endpoints publish. */
export function subscribe(view: View) {
  return view.broadcast.subscribe(TRACK);
}
