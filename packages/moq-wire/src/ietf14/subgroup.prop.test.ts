import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { longVarints } from "../canonical.fixture.js";
import { WireError } from "../wire-error.js";
import { encodeExact } from "../writer.js";
import {
  anyNumber,
  anySubgroupStream,
  concat,
  type SubgroupStream,
  split,
} from "./messages.fixture.js";
import { encodeObjectHeader, encodeSubgroupHeader } from "./subgroup.js";
import { SubgroupReader } from "./subgroup-reader.js";

const TYPES = [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d] as const;

function encode({ header, objects }: SubgroupStream): Uint8Array {
  const chunks = [encodeSubgroupHeader(header)];
  let previous: number | undefined;
  for (const { object, payload } of objects) {
    chunks.push(encodeObjectHeader(object, previous, header.extensionsPresent), payload);
    previous = object.objectId;
  }
  return concat(chunks);
}

function read(chunks: readonly Uint8Array[], reader = new SubgroupReader()): SubgroupStream {
  let header: SubgroupStream["header"] | undefined;
  const objects: { object: SubgroupStream["objects"][number]["object"]; parts: Uint8Array[] }[] =
    [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event = reader.next(); event; event = reader.next()) {
      if (event.type === "header") header = event.header;
      else if (event.type === "object") objects.push({ object: event.object, parts: [] });
      else objects.at(-1)?.parts.push(event.bytes);
    }
  }
  if (!header) throw new WireError("incomplete", "header", 0, "no header");
  return {
    header,
    objects: objects.map(({ object, parts }) => ({ object, payload: concat(parts) })),
  };
}

describe("a subgroup stream", () => {
  it("reads as it was written, however it is cut into chunks", () => {
    fc.assert(
      fc.property(anySubgroupStream, fc.array(fc.nat(), { maxLength: 40 }), (stream, cuts) => {
        const reader = new SubgroupReader();
        expect(read(split(encode(stream), cuts), reader)).toEqual(stream);
        reader.end();
      }),
    );
  });

  it("reads as it was written with every header type of the draft", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TYPES),
        anySubgroupStream,
        anyNumber,
        fc.array(fc.nat(), { maxLength: 9 }),
        (type, { header, objects }, subgroup, cuts) => {
          const explicit = (type & 0x06) === 0x04;
          const first = (type & 0x06) === 0x02;
          const extensionsPresent = (type & 0x01) !== 0;
          const bytes = encodeExact((writer) => {
            writer.varint(type, "type");
            writer.varint(header.trackAlias, "trackAlias");
            writer.varint(header.groupId, "groupId");
            if (explicit) writer.varint(subgroup, "subgroupId");
            writer.u8(header.publisherPriority, "publisherPriority");
          });
          const expected: SubgroupStream = {
            header: {
              ...header,
              subgroupId: first ? "first_object_id" : explicit ? subgroup : 0,
              extensionsPresent,
              endOfGroup: (type & 0x08) !== 0,
            },
            objects: objects.map(({ object, payload }) => {
              const { extensions, ...bare } = object;
              return { object: extensionsPresent ? object : bare, payload };
            }),
          };
          const rest = encode(expected).subarray(encodeSubgroupHeader(expected.header).byteLength);
          expect(read(split(concat([bytes, rest]), cuts))).toEqual(expected);
        },
      ),
    );
  });

  it("takes no more bytes than it must", () => {
    fc.assert(
      fc.property(anySubgroupStream, (stream) => {
        expect(longVarints(() => read([encode(stream)]))).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it("reads as it was written byte by byte", () => {
    fc.assert(
      fc.property(anySubgroupStream, (stream) => {
        expect(read([...encode(stream)].map((byte) => Uint8Array.of(byte)))).toEqual(stream);
      }),
      { numRuns: 30 },
    );
  });

  it("ends well between objects only", () => {
    fc.assert(
      fc.property(anySubgroupStream, fc.nat(), (stream, cut) => {
        const { header, objects } = stream;
        const ends = objects.map(
          (_, i) => encode({ header, objects: objects.slice(0, i) }).byteLength,
        );
        const bytes = encode(stream);
        const end = cut % (bytes.byteLength + 1);
        const reader = new SubgroupReader();
        reader.push(bytes.subarray(0, end));
        while (reader.next());
        if ([...ends, bytes.byteLength].includes(end)) reader.end();
        else {
          const incomplete = expect.objectContaining({ kind: "incomplete", wireCode: 3 });
          expect(() => reader.end()).toThrow(incomplete);
        }
      }),
    );
  });

  it("throws nothing but a WireError on changed and random bytes", () => {
    const changed = fc
      .tuple(anySubgroupStream, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
      .map(([stream, changes]) => {
        const bytes = encode(stream);
        for (const [place, value] of changes) bytes[place % bytes.byteLength] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        try {
          read([bytes]);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
