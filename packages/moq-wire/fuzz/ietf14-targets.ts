import fc from "fast-check";
import {
  ControlReader,
  decodeAuthorizationToken,
  decodeControlMessage,
  decodeDatagram,
  decodeExtensions,
  encodeAuthorizationToken,
  encodeControlMessage,
  encodeDatagram,
  encodeExtensions,
  encodeFetchHeader,
  encodeFetchObjectHeader,
  encodeObjectHeader,
  encodeSubgroupHeader,
  FetchReader,
  SubgroupReader,
} from "../src/ietf14/index.js";
import {
  anyDatagram,
  anyMessage,
  anyParameters,
  anySubgroupStream,
  anyToken,
  concat,
} from "../src/ietf14/messages.fixture.js";
import { feed, type Target } from "./target.js";

const SAMPLES = 500;

/** Every decoder of draft-14. */
export function ietf14Targets(seed: number): Target[] {
  const sample = <T>(arbitrary: fc.Arbitrary<T>) =>
    fc.sample(arbitrary, { numRuns: SAMPLES, seed });
  const control = sample(anyMessage).map(encodeControlMessage);
  const extensions = sample(anyParameters).map(encodeExtensions);
  const datagrams = sample(anyDatagram).map(encodeDatagram);
  const subgroups = sample(anySubgroupStream).map(({ header, objects }) => {
    let previous: number | undefined;
    const parts = objects.flatMap(({ payload, object }) => {
      const bytes = encodeObjectHeader(object, previous, header.extensionsPresent);
      previous = object.objectId;
      return [bytes, payload];
    });
    return concat([encodeSubgroupHeader(header), ...parts]);
  });
  const object = { subgroupId: 0, publisherPriority: 1, payloadLength: 3, status: 0 };
  const fetches = [1, 70, 20_000].map((id) =>
    concat([
      encodeFetchHeader({ requestId: id }),
      encodeFetchObjectHeader({ ...object, groupId: id, objectId: 0 }),
      Uint8Array.of(1, 2, 3),
      encodeFetchObjectHeader({ ...object, groupId: id, objectId: 9, payloadLength: 0, status: 3 }),
    ]),
  );
  return [
    {
      name: "control stream",
      samples: control,
      run: (input, random) => feed(new ControlReader(), input, random),
    },
    { name: "control message", samples: control, run: (input) => decodeControlMessage(input) },
    {
      name: "subgroup stream",
      samples: subgroups,
      run: (input, random) => feed(new SubgroupReader(), input, random),
    },
    {
      name: "fetch stream",
      samples: fetches,
      run: (input, random) => feed(new FetchReader(), input, random),
    },
    { name: "datagram", samples: datagrams, run: (input) => decodeDatagram(input) },
    { name: "extensions", samples: extensions, run: (input) => decodeExtensions(input) },
    {
      name: "authorization token",
      samples: sample(anyToken).map(encodeAuthorizationToken),
      run: (input) => decodeAuthorizationToken(input),
    },
  ];
}
