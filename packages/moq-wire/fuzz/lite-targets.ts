import fc from "fast-check";
import { Cursor, StreamReader } from "../src/index.js";
import {
  encodeFrameHeader,
  encodeGroupHeader,
  GroupReader,
  LITE_VERSIONS,
} from "../src/lite/index.js";
import { messageCases } from "../src/lite/messages.fixture.js";
import { feed, type Target } from "./target.js";

const SAMPLES = 100;
const BUFFER = 1 << 20;

/** Every decoder of every version of moq-lite. */
export function liteTargets(seed: number): Target[] {
  return LITE_VERSIONS.flatMap((version) => {
    const messages = messageCases(version).map((message): Target => {
      const samples = fc
        .sample(message.values, { numRuns: SAMPLES, seed })
        .map((value) => message.encode(value));
      return {
        name: `${version} ${message.name}`,
        samples,
        run: (input, random) => {
          if (random.below(2) === 0) {
            message.decode(new Cursor(input));
            return;
          }
          const stream = new StreamReader(BUFFER);
          const reader = {
            push: (chunk: Uint8Array) => stream.push(chunk),
            next: () => stream.read(message.decode),
          };
          feed(reader, input, random);
        },
      };
    });
    const header = encodeGroupHeader(version, { subscribeId: 3, sequence: 5, startFrame: 0 });
    const frame = encodeFrameHeader(version, { size: 3, timestampDelta: 0n });
    const group: Target = {
      name: `${version} group stream`,
      samples: [Buffer.concat([header, frame, Buffer.from("abc"), frame, Buffer.from("def")])],
      run: (input, random) => feed(new GroupReader(version), input, random),
    };
    return [...messages, group];
  });
}
