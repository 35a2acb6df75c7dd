import { describe, expect, it } from "vitest";
import { codecOf } from "./codec.js";
import type { Frame, Framing } from "./frame.js";
import { NO_PARAMETERS } from "./parameters-codec.js";
import { endOf, openedStreams } from "./testing/machine-pair.js";
import { GENEROUS, Scripted, stream } from "./testing/scripted-machine.js";

describe("a peer that breaks a rule", () => {
  const cases: readonly (readonly [string, Framing, Frame[]])[] = [
    ["goes beyond a stream's window", "qmux-01", [stream(2, 8_000), stream(2, 1)]],
    [
      "goes beyond the session's window",
      "qmux-01",
      [stream(2, 8_000), stream(6, 8_000), stream(10, 4_001)],
    ],
    [
      "goes beyond the window by a reset",
      "qmux-01",
      [{ type: "reset_stream", id: 2, code: 0, finalSize: 8_001 }],
    ],
    ["opens too many streams", "qmux-01", [stream(18, 1)]],
    ["opens too many bidirectional streams", "qmux-00", [stream(16, 1)]],
    [
      "opens too many by a reset",
      "qmux-01",
      [{ type: "reset_stream", id: 18, code: 0, finalSize: 0 }],
    ],
    ["opens too many by a stop", "qmux-01", [{ type: "stop_sending", id: 16, code: 0 }]],
    ["leaves a gap", "qmux-01", [stream(2, 5), stream(2, 5, { offset: 6 })]],
    ["repeats bytes", "qmux-01", [stream(2, 5), stream(2, 5, { offset: 0 })]],
    [
      "ends a stream before what it sent",
      "qmux-01",
      [stream(2, 5), { type: "reset_stream", id: 2, code: 0, finalSize: 4 }],
    ],
    ["sends on our unidirectional stream", "qmux-01", [stream(3, 1)]],
    ["sends on a stream we have not opened", "qmux-01", [stream(1, 1)]],
    [
      "resets a stream we have not opened",
      "qmux-01",
      [{ type: "reset_stream", id: 1, code: 0, finalSize: 0 }],
    ],
    ["stops a stream we have not opened", "qmux-01", [{ type: "stop_sending", id: 3, code: 0 }]],
    ["stops its own unidirectional stream", "qmux-01", [{ type: "stop_sending", id: 2, code: 0 }]],
    ["gives credit for its own stream", "qmux-01", [{ type: "max_stream_data", id: 2, max: 9 }]],
    [
      "gives credit for a stream we have not opened",
      "qmux-01",
      [{ type: "max_stream_data", id: 3, max: 9 }],
    ],
    [
      "sends its parameters twice",
      "qmux-00",
      [{ type: "transport_parameters", parameters: NO_PARAMETERS }],
    ],
    ["sends a datagram", "qmux-01", [{ type: "datagram", data: new Uint8Array(1) }]],
    [
      "uses RESET_STREAM_AT",
      "qmux-02",
      [{ type: "reset_stream", id: 2, code: 0, finalSize: 1, reliableSize: 1 }],
    ],
    ["answers a ping nobody sent", "qmux-02", [{ type: "ping", sequence: 0, response: true }]],
    [
      "counts its pings backwards",
      "qmux-02",
      [
        { type: "ping", sequence: 5, response: false },
        { type: "ping", sequence: 5, response: false },
      ],
    ],
  ];

  it.each(cases)("%s (%s): its session ends with code 1002", (_what, framing, frames) => {
    const peer = new Scripted(framing, GENEROUS).receive(...frames);
    expect(endOf(peer.end)).toMatchObject({ by: "transport", code: undefined });
    expect(endOf(peer.end)?.reason).toMatch(/^protocol violation: /);
    expect(peer.sent().at(-1)).toMatchObject({ type: "connection_close", code: 1002 });
    expect(peer.end.events.at(-1)).toMatchObject({ type: "ended", webSocketCode: 1002 });
  });

  it("sends something else before its parameters, which qmux-02 forbids", () => {
    const early: Frame = { type: "max_data", max: 1 };
    const strict = new Scripted("qmux-02", null);
    expect(endOf(strict.receive(early).end)).toBeDefined();
  });

  it.each([
    ["qmux-00", 16_385],
    ["qmux-01", 16_383],
  ] as const)("sends a message larger than %s admits", (framing, size) => {
    const peer = new Scripted(framing, GENEROUS);
    const record = new Uint8Array(size);
    record.set(codecOf(framing).encode(stream(2, 1)));
    expect(endOf(peer.message(record).end)?.reason).toContain(`${size} bytes`);
  });

  it("is cut off without a frame in the legacy framing, where old relays have none for it", () => {
    const peer = new Scripted("webtransport").message(Uint8Array.of(0x06));
    expect(endOf(peer.end)).toMatchObject({ by: "transport" });
    expect(peer.sent()).toEqual([]);
  });

  it("is not listened to any more", () => {
    const peer = new Scripted("qmux-01", GENEROUS).receive(stream(3, 1), stream(2, 1));
    expect(openedStreams(peer.end)).toEqual([]);
  });
});
