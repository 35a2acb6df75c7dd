import { describe, expect, it } from "vitest";
import { WireError } from "../wire-error.js";
import { encodeObjectHeader, encodeSubgroupHeader, isSubgroupType } from "./subgroup.js";
import { type SubgroupEvent, SubgroupReader } from "./subgroup-reader.js";

function events(...chunks: number[][]): SubgroupEvent[] {
  const reader = new SubgroupReader();
  const seen: SubgroupEvent[] = [];
  for (const chunk of chunks) {
    reader.push(Uint8Array.from(chunk));
    for (let event = reader.next(); event; event = reader.next()) seen.push(event);
  }
  return seen;
}

function errorOf(run: () => unknown): WireError {
  try {
    run();
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const header = {
  trackAlias: 2,
  groupId: 3,
  subgroupId: 0,
  publisherPriority: 128,
  extensionsPresent: false,
  endOfGroup: false,
} as const;

describe("subgroup header types", () => {
  it("are 0x10 to 0x15 and 0x18 to 0x1d", () => {
    const types = Array.from({ length: 256 }, (_, type) => type).filter(isSubgroupType);
    expect(types).toEqual([0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d]);
  });

  it.each([
    [0x10, [], 0],
    [0x11, [], 0],
    [0x12, [], "first_object_id"],
    [0x13, [], "first_object_id"],
    [0x14, [7], 7],
    [0x15, [0], 0],
    [0x18, [], 0],
    [0x1d, [7], 7],
  ] as const)("0x%x", (type, subgroup, subgroupId) => {
    const extensionsPresent = (type & 1) === 1;
    const endOfGroup = type >= 0x18;
    expect(events([type, 2, 3, ...subgroup, 128])).toEqual([
      { type: "header", header: { ...header, subgroupId, extensionsPresent, endOfGroup } },
    ]);
  });

  it.each([0x05, 0x0f, 0x16, 0x17, 0x1e, 0x1f, 0x20])("0x%x is not one", (type) => {
    expect(errorOf(() => events([type, 0, 0, 0]))).toMatchObject({
      kind: "malformed",
      wireCode: 3,
    });
  });
});

describe("objects", () => {
  it("are numbered by deltas", () => {
    const seen = events([0x10, 2, 3, 128, 5, 1, 0x61, 0, 1, 0x62, 2, 1, 0x63]);
    const ids = seen.flatMap((event) => (event.type === "object" ? [event.object.objectId] : []));
    expect(ids).toEqual([5, 6, 9]);
  });

  it("hand on the first payload bytes before the last arrive, as views of the chunk", () => {
    const reader = new SubgroupReader();
    const chunk = Uint8Array.of(0x10, 2, 3, 128, 0, 4, 1, 2);
    reader.push(chunk);
    const seen: SubgroupEvent[] = [];
    for (let event = reader.next(); event; event = reader.next()) seen.push(event);
    const payload = seen.at(-1);
    expect(payload).toEqual({ type: "payload", bytes: Uint8Array.of(1, 2) });
    expect(payload?.type === "payload" && payload.bytes.buffer).toBe(chunk.buffer);
  });

  it("keep payload as views when a header is cut in two", () => {
    const reader = new SubgroupReader();
    reader.push(Uint8Array.of(0x10, 2));
    expect(reader.next()).toBeUndefined();
    const chunk = new Uint8Array(500);
    chunk.set([3, 128, 0, 0x41, 0xf0]);
    reader.push(chunk);
    expect(reader.next()).toMatchObject({ type: "header" });
    expect(reader.next()).toMatchObject({ type: "object", object: { payloadLength: 496 } });
    const payload = reader.next();
    expect(payload?.type === "payload" && payload.bytes.buffer).toBe(chunk.buffer);
    expect(payload?.type === "payload" && payload.bytes.byteLength).toBe(495);
  });

  it.each([0, 1, 3, 4])("carry status %i without a payload", (status) => {
    expect(events([0x10, 2, 3, 128, 0, 0, status]).at(-1)).toEqual({
      type: "object",
      object: { objectId: 0, payloadLength: 0, status },
    });
  });

  it.each([2, 5])("have no status %i", (status) => {
    expect(errorOf(() => events([0x10, 2, 3, 128, 0, 0, status]))).toMatchObject({
      kind: "malformed",
      wireCode: 3,
    });
  });

  it("that do not exist have no extensions", () => {
    expect(errorOf(() => events([0x11, 2, 3, 128, 0, 2, 2, 1, 0, 1]))).toMatchObject({
      wireCode: 3,
    });
    expect(events([0x11, 2, 3, 128, 0, 0, 0, 1])).toHaveLength(2);
  });
});

describe("what fails one track only", () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

  it("a group above 2^53 - 1, with the alias known", () => {
    const reader = new SubgroupReader();
    reader.push(Uint8Array.of(0x10, 9, ...huge, 0));
    expect(errorOf(() => reader.next()).kind).toBe("unsupported");
    expect(reader.trackAlias).toBe(9);
  });

  it("an object above 2^53 - 1, by itself or as a sum", () => {
    expect(errorOf(() => events([0x10, 2, 3, 128, ...huge])).kind).toBe("unsupported");
    const last = [0xc0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    expect(errorOf(() => events([0x10, 2, 3, 128, ...last, 0, 0, 0, 0, 0])).kind).toBe(
      "unsupported",
    );
  });

  it("an extension block longer than any pair can be", () => {
    expect(errorOf(() => events([0x11, 2, 3, 128, 0, 0x80, 2, 0, 0])).kind).toBe("unsupported");
  });
});

describe("what cannot be encoded", () => {
  const object = { objectId: 0, payloadLength: 0, status: 0 };
  it.each([
    ["an object that is not after the one before", { ...object, objectId: 4 }, 4, false],
    [
      "extensions the header does not announce",
      { ...object, extensions: Uint8Array.of(0, 0) },
      0,
      false,
    ],
    ["a status with a payload", { ...object, payloadLength: 1, status: 3 }, undefined, false],
    ["status 2", { ...object, status: 2 }, undefined, false],
    ["a negative length", { ...object, payloadLength: -1 }, undefined, false],
    [
      "extensions of an object that does not exist",
      { ...object, status: 1, extensions: Uint8Array.of(0, 0) },
      undefined,
      true,
    ],
  ] as const)("%s", (_name, value, previous, extensions) => {
    expect(errorOf(() => encodeObjectHeader(value, previous, extensions)).kind).toBe("unencodable");
  });

  it("a priority above 255", () => {
    const run = () => encodeSubgroupHeader({ ...header, publisherPriority: 256 });
    expect(errorOf(run).kind).toBe("unencodable");
  });
});
