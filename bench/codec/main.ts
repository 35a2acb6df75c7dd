/**
 * The same bytes through our codecs and those of @moq/net, in one run: draft-14
 * subgroup streams of several object sizes, and SUBSCRIBE messages. Beside
 * them a plain copy of the same chunks, which is what a machine can do at best.
 */
import {
  type ControlMessageOf,
  ControlReader,
  encodeControlMessage,
  encodeObjectHeader,
  encodeSubgroupHeader,
  SubgroupReader,
} from "@moq-bridge/moq-wire/ietf14";
import { loadMoqNet, type MoqNet } from "./moq-net.js";

/** What a transport hands over at a time. */
const CHUNK_BYTES = 16 * 1024;
const STREAM_BYTES = 4 * 1024 * 1024;
const MESSAGES = 5_000;
const ROUNDS = 7;

interface Row {
  readonly what: string;
  readonly bytes: number;
  /** Bytes per second of the best round. */
  readonly ours: number;
  readonly theirs: number;
  readonly copy: number;
}

const moqNet = await loadMoqNet();
const rows: Row[] = [];
for (const objectBytes of [100, 1_200, 16_000]) rows.push(await subgroup(moqNet, objectBytes));
rows.push(await control(moqNet));
report(rows);

async function subgroup(net: MoqNet, objectBytes: number): Promise<Row> {
  const objects = Math.floor(STREAM_BYTES / objectBytes);
  const parts = [
    encodeSubgroupHeader({
      trackAlias: 3,
      groupId: 9,
      subgroupId: 0,
      publisherPriority: 1,
      extensionsPresent: false,
      endOfGroup: true,
    }),
  ];
  const payload = new Uint8Array(objectBytes).fill(7);
  for (let objectId = 0; objectId < objects; objectId++) {
    const object = { objectId, payloadLength: objectBytes, status: 0 };
    const previous = objectId === 0 ? undefined : objectId - 1;
    parts.push(encodeObjectHeader(object, previous, false), payload);
  }
  const chunks = inChunks(Buffer.concat(parts));
  const ours = () => {
    const reader = new SubgroupReader();
    let found = 0;
    for (const chunk of chunks) {
      reader.push(chunk);
      for (let event = reader.next(); event; event = reader.next()) {
        if (event.type === "object") found++;
      }
    }
    reader.end();
    check(found, objects);
  };
  const theirs = async () => check(await net.readSubgroup(chunks), objects);
  return measure(`subgroup, objects of ${objectBytes} bytes`, chunks, ours, theirs);
}

async function control(net: MoqNet): Promise<Row> {
  const messages = Array.from({ length: MESSAGES }, (_, index) => {
    const message: ControlMessageOf<"subscribe"> = {
      type: "subscribe",
      requestId: index * 2,
      trackNamespace: ["live", "room", `stream-${index}`],
      trackName: "video",
      subscriberPriority: 128,
      groupOrder: "descending",
      forward: true,
      filter: { type: "largest_object" },
      parameters: [],
    };
    return encodeControlMessage(message);
  });
  const chunks = inChunks(Buffer.concat(messages));
  const ours = () => {
    const reader = new ControlReader();
    let found = 0;
    for (const chunk of chunks) {
      reader.push(chunk);
      for (let message = reader.next(); message; message = reader.next()) found++;
    }
    check(found, MESSAGES);
  };
  const theirs = async () => check(await net.readSubscribes(chunks, MESSAGES), MESSAGES);
  return measure("control, SUBSCRIBE", chunks, ours, theirs);
}

/** The best of several rounds each, taken in turn so that a busy machine is busy for all. */
async function measure(
  what: string,
  chunks: readonly Uint8Array[],
  ours: () => void,
  theirs: () => Promise<void>,
): Promise<Row> {
  const bytes = chunks.reduce((size, chunk) => size + chunk.byteLength, 0);
  const target = new Uint8Array(bytes);
  const copy = () => {
    let at = 0;
    for (const chunk of chunks) {
      target.set(chunk, at);
      at += chunk.byteLength;
    }
  };
  const best = { ours: 0, theirs: 0, copy: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    best.ours = Math.max(best.ours, bytes / (await time(ours)));
    best.theirs = Math.max(best.theirs, bytes / (await time(theirs)));
    best.copy = Math.max(best.copy, bytes / (await time(copy)));
  }
  return { what, bytes, ...best };
}

/** Seconds. */
async function time(run: () => unknown): Promise<number> {
  const started = performance.now();
  await run();
  return (performance.now() - started) / 1000;
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

function report(all: readonly Row[]): void {
  const rate = (value: number) => `${(value / 1e6).toFixed(0)} MB/s`;
  process.stdout.write(`Node.js ${process.version}, @moq/net 0.3.4, best of ${ROUNDS} rounds\n\n`);
  process.stdout.write("| what | ours | @moq/net | times | plain copy |\n|---|---|---|---|---|\n");
  for (const { what, ours, theirs, copy } of all) {
    const times = (ours / theirs).toFixed(1);
    process.stdout.write(
      `| ${what} | ${rate(ours)} | ${rate(theirs)} | ${times} | ${rate(copy)} |\n`,
    );
  }
  process.stdout.write(`${JSON.stringify(all)}\n`);
}
