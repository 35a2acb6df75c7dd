import fc from "fast-check";
import type { Frame } from "../frame.js";

const safe = fc.oneof(
  fc.constantFrom(0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
  fc.nat(100),
);
const bytes = fc.uint8Array({ maxLength: 300 });
const reason = fc.string({ unit: "grapheme", maxLength: 40 });
const parameters = fc.record({
  maxIdleTimeout: safe,
  initialMaxData: safe,
  initialMaxStreamDataBidiLocal: safe,
  initialMaxStreamDataBidiRemote: safe,
  initialMaxStreamDataUni: safe,
  initialMaxStreamsBidi: safe,
  initialMaxStreamsUni: safe,
  maxDatagramFrameSize: safe,
  maxRecordSize: safe.map((size) => Math.max(size, 16_382)),
  resetStreamAt: fc.boolean(),
});

function frame<T extends Frame["type"]>(
  type: T,
  fields: { [K in Exclude<keyof Extract<Frame, { type: T }>, "type">]: fc.Arbitrary<unknown> },
): fc.Arbitrary<Frame> {
  return fc.record({ type: fc.constant(type), ...fields }) as unknown as fc.Arbitrary<Frame>;
}

/** Every frame that qmux-00 has too. */
export const anyQmux00Frame: fc.Arbitrary<Frame> = fc.oneof(
  frame("stream", {
    id: safe,
    offset: fc.option(safe, { nil: undefined }),
    data: bytes,
    fin: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("reset_stream"),
    id: safe,
    code: safe,
    finalSize: safe,
  }) as fc.Arbitrary<Frame>,
  fc.tuple(safe, safe, safe, safe).map(([id, code, a, b]): Frame => {
    const [reliableSize, finalSize] = a < b ? [a, b] : [b, a];
    return { type: "reset_stream", id, code, finalSize, reliableSize };
  }),
  frame("stop_sending", { id: safe, code: safe }),
  frame("max_data", { max: safe }),
  frame("max_stream_data", { id: safe, max: safe }),
  frame("max_streams", { uni: fc.boolean(), max: safe }),
  frame("data_blocked", { limit: safe }),
  frame("stream_data_blocked", { id: safe, limit: safe }),
  frame("streams_blocked", { uni: fc.boolean(), limit: safe }),
  frame("connection_close", { code: safe, frameType: safe, reason }),
  frame("application_close", { code: safe, reason }),
  frame("transport_parameters", { parameters }),
);

/** Every frame of qmux-01 and later. */
export const anyQmuxFrame: fc.Arbitrary<Frame> = fc.oneof(
  { arbitrary: anyQmux00Frame, weight: 10 },
  frame("ping", {
    sequence: fc.oneof(safe, fc.bigInt(2n ** 53n, 2n ** 62n - 1n)),
    response: fc.boolean(),
  }),
  frame("datagram", { data: bytes }),
);

/** Every frame of the legacy framing. */
export const anyLegacyFrame: fc.Arbitrary<Frame> = fc.oneof(
  frame("stream", { id: safe, offset: fc.constant(undefined), data: bytes, fin: fc.boolean() }),
  fc.record({
    type: fc.constant("reset_stream"),
    id: safe,
    code: safe,
    finalSize: fc.constant(0),
  }) as fc.Arbitrary<Frame>,
  frame("stop_sending", { id: safe, code: safe }),
  frame("connection_close", { code: safe, frameType: fc.constant(0), reason }),
  frame("application_close", { code: safe, reason }),
);
