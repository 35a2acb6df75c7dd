import {
  type ControlMessage,
  type ControlMessageOf,
  type ControlMessageType,
  ControlReader,
  DRAFT_14,
  encodeControlMessage,
  encodeObjectHeader,
  encodeSubgroupHeader,
  type SubgroupEvent,
  SubgroupReader,
} from "@moq-bridge/moq-wire/ietf14";
import { Origin, type TrackConsumer, type TrackProducer } from "@moq-bridge/origin";
import { VirtualRuntime } from "@moq-bridge/runtime";
import {
  type BidiStream,
  type MemoryPairOptions,
  memoryPair,
  type TransportSession,
} from "@moq-bridge/transport";
import { acceptIetf14, connectIetf14 } from "./connect.js";
import { type PeerProfile, standard } from "./profile.js";
import type { Ietf14Options, Ietf14Session } from "./session.js";

/** Two sessions joined in memory, each with an Origin beside it. */
export interface SessionPair {
  readonly runtime: VirtualRuntime;
  readonly client: Ietf14Session;
  readonly server: Ietf14Session;
  readonly transports: ReturnType<typeof memoryPair>;
  readonly origin: Origin;
}

type Options = Partial<Omit<Ietf14Options, "runtime">>;

/** Connects a client and a server of this package. */
export async function sessionPair(
  options: {
    client?: Options;
    server?: Options;
    memory?: Partial<MemoryPairOptions>;
    seed?: number;
  } = {},
): Promise<SessionPair> {
  const runtime = new VirtualRuntime({ seed: options.seed ?? 1 });
  const seed = options.seed === undefined ? {} : { seed: options.seed };
  const transports = memoryPair({ runtime, ...seed, ...options.memory });
  const profile = standard;
  const connecting = Promise.all([
    connectIetf14(transports.client, { runtime, profile, ...options.client }),
    acceptIetf14(transports.server, { runtime, profile, ...options.server }),
  ]);
  await runtime.advance(0);
  const [client, server] = await connecting;
  return { runtime, client, server, transports, origin: new Origin({ runtime }) };
}

/** One of our sessions against a peer whose every byte the test decides. */
export class ScriptedPeer {
  readonly runtime = new VirtualRuntime();
  readonly transport: TransportSession;
  readonly received: ControlMessage[] = [];
  readonly streams: { events: SubgroupEvent[]; end: "open" | "fin" | "reset" }[] = [];
  readonly #tested: TransportSession;
  #session: Ietf14Session | undefined;
  #failure: unknown;
  #control: BidiStream | undefined;

  private constructor(side: "client" | "server", memory: Partial<MemoryPairOptions>) {
    const pair = memoryPair({ ...memory, runtime: this.runtime });
    this.transport = pair[side];
    this.#tested = side === "client" ? pair.server : pair.client;
  }

  /** `side` is the peer's; the session under test is the other. */
  static async start(
    side: "client" | "server",
    options: Options & {
      profile?: PeerProfile;
      setup?: boolean;
      grant?: bigint;
      memory?: Partial<MemoryPairOptions>;
    } = {},
  ): Promise<ScriptedPeer> {
    const { setup = true, grant = 1000n, memory = {}, ...rest } = options;
    const peer = new ScriptedPeer(side, memory);
    const oneWay = memory.latencyMs ?? 0;
    const all = { runtime: peer.runtime, profile: standard, ...rest };
    const start = side === "client" ? acceptIetf14 : connectIetf14;
    start(peer.#tested, all).then(
      (session) => {
        peer.#session = session;
      },
      (error: unknown) => {
        peer.#failure = error;
      },
    );
    if (side === "client") peer.#control = await peer.transport.openBidi();
    await peer.settle(oneWay);
    if (side === "server") peer.#control = await peer.transport.acceptBidi();
    void peer.#read();
    void peer.#accept();
    if (setup) {
      const parameters = [{ type: 2n, value: grant }];
      await peer.send(
        side === "client"
          ? { type: "client_setup", supportedVersions: [DRAFT_14], parameters }
          : { type: "server_setup", selectedVersion: DRAFT_14, parameters },
      );
      await peer.settle(oneWay);
    }
    return peer;
  }

  /** The session under test. */
  get session(): Ietf14Session {
    if (!this.#session) throw new Error(`there is no session: ${String(this.#failure)}`);
    return this.#session;
  }

  /** Why the session under test did not come about. */
  get failure(): unknown {
    return this.#failure;
  }

  get control(): BidiStream {
    if (!this.#control) throw new Error("there is no control stream");
    return this.#control;
  }

  async settle(ms = 0): Promise<void> {
    await this.runtime.advance(ms);
  }

  async send(...messages: ControlMessage[]): Promise<void> {
    await this.sendBytes(...messages.map(encodeControlMessage));
  }

  async sendBytes(...chunks: Uint8Array[]): Promise<void> {
    await this.control.send.write(chunks);
    await this.settle();
  }

  /** Messages of one type received so far. */
  got<T extends ControlMessageType>(type: T): ControlMessageOf<T>[] {
    return this.received.filter((message): message is ControlMessageOf<T> => message.type === type);
  }

  /** How the session under test closed the connection. */
  async closeCode(): Promise<number | undefined> {
    await this.settle();
    let code: number | undefined;
    let closed = false;
    void this.transport.closed.then((info) => {
      closed = true;
      code = info.code;
    });
    await this.settle();
    if (!closed) throw new Error("the session is open");
    return code;
  }

  /** Opens a data stream with these objects and leaves it open. */
  async stream(
    header: { trackAlias: number; groupId: number; subgroupId?: number | "first_object_id" },
    objects: readonly { id?: number; payload?: string; status?: number }[],
  ): Promise<Awaited<ReturnType<TransportSession["openUni"]>>> {
    const stream = await this.transport.openUni();
    const chunks = [
      encodeSubgroupHeader({
        subgroupId: 0,
        publisherPriority: 0,
        extensionsPresent: false,
        endOfGroup: false,
        ...header,
      }),
    ];
    let previous: number | undefined;
    for (const { id, payload = "", status = 0 } of objects) {
      const objectId = id ?? (previous ?? -1) + 1;
      const bytes = Buffer.from(payload);
      const object = { objectId, payloadLength: bytes.byteLength, status };
      chunks.push(encodeObjectHeader(object, previous, false), bytes);
      previous = objectId;
    }
    await stream.write(chunks);
    await this.settle();
    return stream;
  }

  async #read(): Promise<void> {
    const reader = new ControlReader();
    try {
      for (;;) {
        const chunk = await this.control.recv.read();
        if (!chunk) return;
        reader.push(chunk);
        for (let message = reader.next(); message; message = reader.next()) {
          this.received.push(message as ControlMessage);
        }
      }
    } catch {
      // The session closed the connection, which is what many tests are about.
    }
  }

  async #accept(): Promise<void> {
    for (;;) {
      const recv = await this.transport.acceptUni();
      if (!recv) return;
      const seen: ScriptedPeer["streams"][number] = { events: [], end: "open" };
      this.streams.push(seen);
      const reader = new SubgroupReader();
      const read = async () => {
        for (;;) {
          const chunk = await recv.read();
          if (!chunk) break;
          reader.push(chunk);
          for (let event = reader.next(); event; event = reader.next()) seen.events.push(event);
        }
        seen.end = "fin";
      };
      read().catch(() => {
        seen.end = "reset";
      });
    }
  }
}

/** SUBSCRIBE as a peer may send it. */
export function subscribeMessage(
  requestId: number,
  path: string,
  trackName: string,
  more: Partial<ControlMessageOf<"subscribe">> = {},
): ControlMessageOf<"subscribe"> {
  return {
    type: "subscribe",
    requestId,
    trackNamespace: path.split("/"),
    trackName,
    subscriberPriority: 127,
    groupOrder: "publisher",
    forward: true,
    filter: { type: "largest_object" },
    parameters: [],
    ...more,
  };
}

/** SUBSCRIBE_OK as a peer may send it. */
export function subscribeOk(
  requestId: number,
  trackAlias: number,
): ControlMessageOf<"subscribe_ok"> {
  return {
    type: "subscribe_ok",
    requestId,
    trackAlias,
    expires: 0n,
    groupOrder: "descending",
    largestLocation: undefined,
    parameters: [],
  };
}

/** A broadcast with one track, filled by the test. */
export function publishTrack(origin: Origin, path: string, name: string): TrackProducer {
  return origin.createBroadcast(path).createTrack(name, { priority: 200 });
}

/** A track to fill, and what comes out of it: `group: frame frame…`, `!` for groups that broke off. */
export function collectTrack(runtime: VirtualRuntime): { track: TrackProducer; seen: string[] } {
  const origin = new Origin({ runtime });
  const track = publishTrack(origin, "collected", "track");
  const consumer = origin.broadcast("collected")?.subscribe("track");
  const seen: string[] = [];
  if (consumer) void collect(consumer, seen);
  return { track, seen };
}

async function collect(track: TrackConsumer, seen: string[]): Promise<void> {
  for (let group = await track.nextGroup(); group; group = await track.nextGroup()) {
    const { sequence } = group;
    const frames: string[] = [];
    const index = seen.push("") - 1;
    const show = (end: string) => {
      seen[index] = `${sequence}: ${frames.join(" ")}${end}`;
    };
    show("…");
    const current = group;
    void (async () => {
      try {
        for (let frame = await current.readFrame(); frame; frame = await current.readFrame()) {
          frames.push(Buffer.from(frame.payload).toString());
          show("…");
        }
        show("");
      } catch {
        show("!");
      }
    })();
  }
}

/** Payload as text. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
