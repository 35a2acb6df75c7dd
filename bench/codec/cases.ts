import {
  type ControlMessage,
  ControlReader,
  encodeControlMessage,
  encodeExtensions,
  encodeObjectHeader,
  encodeSubgroupHeader,
  SubgroupReader,
} from "@moq-bridge/moq-wire/ietf14";
import type { Contenders } from "./measure.js";
import type { MeasuredMessage, MoqNet } from "./moq-net.js";

/** What a transport hands over at a time. */
const CHUNK_BYTES = 16 * 1024;
const CASE_BYTES = 4 * 1024 * 1024;
const MESSAGES = 5_000;

/** One row of the table. */
export interface Case {
  readonly what: string;
  /** What of @moq/net's rate ours should be at least. */
  readonly goal: number;
  readonly contenders: Contenders;
}

export function cases(net: MoqNet): Case[] {
  return [
    subgroup(net, { objectBytes: 100 }),
    subgroup(net, { objectBytes: 1_200 }),
    subgroup(net, { objectBytes: 1_200, extensions: true }),
    subgroup(net, { objectBytes: 16_000 }),
    subgroup(net, { objectBytes: 300, objectsPerStream: 1 }),
    control(net, "subscribe", (index) => ({
      type: "subscribe",
      requestId: index * 2,
      trackNamespace: ["live", "room", `stream-${index}`],
      trackName: "video",
      subscriberPriority: 128,
      groupOrder: "descending",
      forward: true,
      filter: { type: "largest_object" },
      parameters: [],
    })),
    control(net, "subscribe_ok", (index) => ({
      type: "subscribe_ok",
      requestId: index * 2,
      trackAlias: index,
      expires: 0n,
      groupOrder: "ascending",
      largestLocation: { group: index, object: 3 },
      parameters: [],
    })),
    control(net, "publish_namespace", (index) => ({
      type: "publish_namespace",
      requestId: index * 2,
      trackNamespace: ["live", "room", `stream-${index}`],
      parameters: [],
    })),
  ];
}

interface Shape {
  readonly objectBytes: number;
  /** Default: one stream holds all. */
  readonly objectsPerStream?: number;
  /** Each object carries a timestamp, as moq-relay's do. */
  readonly extensions?: boolean;
}

function subgroup(net: MoqNet, shape: Shape): Case {
  const { objectBytes, extensions = false } = shape;
  const all = Math.floor(CASE_BYTES / objectBytes);
  const perStream = shape.objectsPerStream ?? all;
  const streams = Array.from({ length: all / perStream }, (_, group) =>
    inChunks(encodeStream(group, perStream, objectBytes, extensions)),
  );
  const ours = () => {
    let found = 0;
    for (const chunks of streams) found += readSubgroup(chunks);
    check(found, all);
  };
  const theirs = async () => {
    let found = 0;
    for (const chunks of streams) found += await net.readSubgroup(chunks);
    check(found, all);
  };
  const what =
    `subgroup, objects of ${objectBytes} bytes` +
    (extensions ? " with a timestamp" : "") +
    (perStream === 1 ? ", a stream each" : "");
  return { what, goal: 10, contenders: contenders(streams.flat(), ours, theirs) };
}

function encodeStream(
  groupId: number,
  objects: number,
  objectBytes: number,
  extensionsPresent: boolean,
): Uint8Array {
  const header = { trackAlias: 3, groupId, subgroupId: 0, publisherPriority: 1 };
  const parts = [encodeSubgroupHeader({ ...header, extensionsPresent, endOfGroup: true })];
  const payload = new Uint8Array(objectBytes).fill(7);
  for (let objectId = 0; objectId < objects; objectId++) {
    const timestamp = [{ type: 0x10n, value: BigInt(objectId * 33) }];
    const extensions = extensionsPresent ? { extensions: encodeExtensions(timestamp) } : {};
    const object = { objectId, payloadLength: objectBytes, status: 0, ...extensions };
    const previous = objectId === 0 ? undefined : objectId - 1;
    parts.push(encodeObjectHeader(object, previous, extensionsPresent), payload);
  }
  return Buffer.concat(parts);
}

function readSubgroup(chunks: readonly Uint8Array[]): number {
  const reader = new SubgroupReader();
  let objects = 0;
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event = reader.next(); event; event = reader.next()) {
      if (event.type === "object") objects++;
    }
  }
  reader.end();
  return objects;
}

function control(
  net: MoqNet,
  type: MeasuredMessage,
  message: (index: number) => ControlMessage,
): Case {
  const encoded = Array.from({ length: MESSAGES }, (_, index) =>
    encodeControlMessage(message(index)),
  );
  const chunks = inChunks(Buffer.concat(encoded));
  const ours = () => {
    const reader = new ControlReader();
    let found = 0;
    for (const chunk of chunks) {
      reader.push(chunk);
      for (let next = reader.next(); next; next = reader.next()) found++;
    }
    check(found, MESSAGES);
  };
  const theirs = () => net.readMessages(type, chunks, MESSAGES);
  const what = `control, ${type.toUpperCase()}`;
  return { what, goal: 3, contenders: contenders(chunks, ours, theirs) };
}

function contenders(
  chunks: readonly Uint8Array[],
  ours: () => void,
  theirs: () => Promise<void>,
): Contenders {
  const bytes = chunks.reduce((size, chunk) => size + chunk.byteLength, 0);
  const target = new Uint8Array(bytes);
  const copy = () => {
    let at = 0;
    for (const chunk of chunks) {
      target.set(chunk, at);
      at += chunk.byteLength;
    }
  };
  return { bytes, ours, theirs, copy };
}

function inChunks(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
    chunks.push(Uint8Array.from(bytes.subarray(at, at + CHUNK_BYTES)));
  }
  return chunks;
}

function check(found: number, expected: number): void {
  if (found !== expected) throw new Error(`${found} of ${expected} were read`);
}
