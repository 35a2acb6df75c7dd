import type { ControlMessageType } from "@moq-bridge/moq-wire/ietf14";

/** What of @moq/net is measured; its package exports none of it. */
export interface MoqNet {
  /** Reads one subgroup stream and gives the number of objects. */
  readSubgroup(chunks: readonly Uint8Array[]): Promise<number>;
  /** Reads that many control messages of one type. */
  readMessages(type: MeasuredMessage, chunks: readonly Uint8Array[], count: number): Promise<void>;
}

/** Control messages that both sides read. */
export type MeasuredMessage = Extract<
  ControlMessageType,
  "subscribe" | "subscribe_ok" | "publish_namespace"
>;

interface Reader {
  u53(): Promise<number>;
  done(): Promise<boolean>;
}

interface MessageClass {
  decode(reader: Reader, version: number): Promise<unknown>;
}

interface ObjectModule {
  readonly Group: { decode(reader: Reader, version: number): Promise<{ readonly flags: object }> };
  readonly Frame: {
    decode(
      reader: Reader,
      flags: object,
      timescale: undefined,
      version: number,
    ): Promise<{ readonly payload?: Uint8Array }>;
  };
}

interface SubscribeModule {
  readonly Subscribe: MessageClass;
  readonly SubscribeOk: MessageClass;
}

interface PublishNamespaceModule {
  readonly PublishNamespace: MessageClass;
}

interface StreamModule {
  readonly Reader: new (
    stream: ReadableStream<Uint8Array>,
    buffer: undefined,
    version: number,
  ) => Reader;
}

const DRAFT_14 = 0xff00000e;

/** Loads it from its files. */
export async function loadMoqNet(): Promise<MoqNet> {
  const load = (file: string) =>
    import(new URL(`../node_modules/@moq/net/${file}`, import.meta.url).href);
  const { Reader: StreamReader } = (await load("stream.js")) as StreamModule;
  const { Group, Frame } = (await load("ietf/object.js")) as ObjectModule;
  const { Subscribe, SubscribeOk } = (await load("ietf/subscribe.js")) as SubscribeModule;
  const { PublishNamespace } = (await load("ietf/publish_namespace.js")) as PublishNamespaceModule;
  const messages: Readonly<Record<MeasuredMessage, MessageClass>> = {
    subscribe: Subscribe,
    subscribe_ok: SubscribeOk,
    publish_namespace: PublishNamespace,
  };
  const open = (chunks: readonly Uint8Array[]) =>
    new StreamReader(streamOf(chunks), undefined, DRAFT_14);
  return {
    async readSubgroup(chunks) {
      const reader = open(chunks);
      const { flags } = await Group.decode(reader, DRAFT_14);
      let objects = 0;
      while (!(await reader.done())) {
        await Frame.decode(reader, flags, undefined, DRAFT_14);
        objects++;
      }
      return objects;
    },
    async readMessages(type, chunks, count) {
      const reader = open(chunks);
      for (let read = 0; read < count; read++) {
        await reader.u53();
        await messages[type].decode(reader, DRAFT_14);
      }
    },
  };
}

/** As a transport gives it: one chunk at a time. */
function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks[next++];
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
  });
}
