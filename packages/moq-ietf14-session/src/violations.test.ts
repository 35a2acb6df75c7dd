import {
  type ControlMessage,
  encodeControlMessage,
  type Parameter,
} from "@moq-bridge/moq-wire/ietf14";
import { Origin } from "@moq-bridge/origin";
import { describe, expect, it } from "vitest";
import { cloudflare, standard } from "./profile.js";
import { ScriptedPeer, subscribeMessage, subscribeOk, text } from "./session.fixture.js";

const parameters: Parameter[] = [];
const namespace = (requestId: number, ...fields: string[]): ControlMessage => ({
  type: "publish_namespace",
  requestId,
  trackNamespace: fields,
  parameters,
});

describe("SETUP", () => {
  const setup = (more: Parameter[] = [], versions = [0xff00000e]): ControlMessage => ({
    type: "client_setup",
    supportedVersions: versions,
    parameters: more,
  });
  const bytes = Uint8Array.of(0x61);

  it.each([
    ["another version", [setup([], [0xff000010])], 0x15],
    ["no version", [setup([], [])], 0x15],
    ["a PATH over WebTransport", [setup([{ type: 1n, value: bytes }])], 0x8],
    ["an AUTHORITY over WebTransport", [setup([{ type: 5n, value: bytes }])], 0x19],
    ["an alias of no token", [setup([{ type: 3n, value: Uint8Array.of(2, 0) }])], 0x17],
    ["a token that is none", [setup([{ type: 3n, value: bytes }])], 0x6],
    ["another message first", [namespace(0, "a")], 3],
    [
      "SERVER_SETUP from a client",
      [{ type: "server_setup", selectedVersion: 0xff00000e, parameters }],
      3,
    ],
    ["SETUP twice", [setup(), setup()], 3],
  ] as [string, ControlMessage[], number][])(
    "%s ends the session",
    async (_name, messages, code) => {
      const peer = await ScriptedPeer.start("client", { setup: false });
      await peer.send(...messages);
      expect(await peer.closeCode()).toBe(code);
    },
  );

  it("with a token that finds no room in the cache is as good as one by value", async () => {
    const peer = await ScriptedPeer.start("client", { setup: false });
    await peer.send(setup([{ type: 3n, value: Uint8Array.of(1, 0, 0) }]));
    expect(peer.got("server_setup")).toHaveLength(1);
    const value = Uint8Array.of(2, 0);
    await peer.send({ ...subscribeMessage(0, "a", "t"), parameters: [{ type: 3n, value }] });
    expect(await peer.closeCode()).toBe(0x17);
  });

  it("with several versions, unknown parameters and a token by value is fine", async () => {
    const peer = await ScriptedPeer.start("client", { setup: false });
    const more: Parameter[] = [
      { type: 3n, value: Uint8Array.of(3, 0, 1, 2) },
      { type: 7n, value: bytes },
      { type: 4n, value: 10n },
      { type: 1000n, value: 1n },
    ];
    await peer.send(setup(more, [0xff00000d, 0xff00000e]));
    expect(peer.received).toEqual([
      {
        type: "server_setup",
        selectedVersion: 0xff00000e,
        parameters: [
          { type: 2n, value: 20_000n },
          { type: 7n, value: text("moq-bridge") },
        ],
      },
    ]);
  });

  it("chosen by a server as another version ends the session", async () => {
    const peer = await ScriptedPeer.start("server", { setup: false });
    expect(peer.got("client_setup")).toMatchObject([{ supportedVersions: [0xff00000e] }]);
    await peer.send({ type: "server_setup", selectedVersion: 0xff000010, parameters });
    expect(await peer.closeCode()).toBe(0x15);
    expect(peer.failure).toMatchObject({ code: "peer_violation", wireCode: 0x15 });
  });

  it.each(["client", "server"] as const)(
    "missing from a %s ends the session in time",
    async (side) => {
      const peer = await ScriptedPeer.start(side, { setup: false });
      await peer.settle(standard.setupTimeoutMs);
      expect(await peer.closeCode()).toBe(0x11);
      expect(peer.failure).toMatchObject({ code: "setup_timeout" });
    },
  );

  it("grants Cloudflare's side requests without end", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const [message] = peer.got("client_setup");
    expect(message?.parameters[0]?.value).toBeGreaterThan(1_000_000n);
  });
});

describe("what ends a session, with its code", () => {
  const raw = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
  const cases: [string, (ControlMessage | Uint8Array)[], number][] = [
    ["an unknown message", [raw("3f 0000")], 3],
    ["a length that does not match", [raw("0a 0002 00 00")], 3],
    ["a filter that is none", [raw("03 000b 00 01 01 61 01 62 80 00 01 09 00")], 3],
    ["a prefix of no fields", [raw("11 0003 00 00 00")], 3],
    ["a request ID of our parity", [namespace(1, "a")], 4],
    ["a request ID left out", [namespace(2, "a")], 4],
    ["a request ID used again", [namespace(0, "a"), namespace(0, "b")], 4],
    ["an answer to no request", [subscribeOk(1, 0)], 4],
    ["a PUBLISH_OK to no request", [publishOk()], 4],
    ["an UNSUBSCRIBE for no request", [{ type: "unsubscribe", requestId: 0 }], 4],
    ["a FETCH_CANCEL for no request", [{ type: "fetch_cancel", requestId: 0 }], 4],
    ["a SUBSCRIBE_UPDATE for no request", [update(0, 8)], 3],
    ["a MAX_REQUEST_ID that does not rise", [{ type: "max_request_id", requestId: 1000n }], 3],
    [
      "GOAWAY twice",
      [
        { type: "goaway", newSessionUri: "" },
        { type: "goaway", newSessionUri: "" },
      ],
      3,
    ],
    ["GOAWAY with a URI from a client", [{ type: "goaway", newSessionUri: "https://x/" }], 3],
    [
      "a token registered where nothing is cached",
      [
        {
          ...subscribeMessage(0, "a", "t"),
          parameters: [{ type: 3n, value: Uint8Array.of(1, 0, 0) }],
        },
      ],
      0x13,
    ],
    ["an answer to a request ID above 2^53", [raw("07 0008 ffffffffffffffff")], 4],
    ["an UNSUBSCRIBE for a request ID above 2^53", [raw("0a 0008 ffffffffffffffff")], 4],
    ["the end of a prefix of no fields", [raw("14 0001 00")], 3],
    [
      "an unknown request ID above 2^53",
      [raw("0d 0010 ffffffffffffffff 01 01 61 01 62 80 00 01 02 00")],
      4,
    ],
  ];

  it.each(cases)("%s", async (_name, messages, code) => {
    const peer = await ScriptedPeer.start("client");
    await peer.sendBytes(
      ...messages.map((m) => (m instanceof Uint8Array ? m : encodeControlMessage(m))),
    );
    expect(await peer.closeCode()).toBe(code);
    await expect(peer.session.closed).resolves.toMatchObject({
      by: "local",
      error: { code: "peer_violation", wireCode: code },
    });
  });

  it("a request beyond the grant: TOO_MANY_REQUESTS", async () => {
    const sends = new Set([...standard.sends].filter((type) => type !== "max_request_id"));
    const peer = await ScriptedPeer.start("client", {
      profile: { ...standard, grantedRequests: 4n, sends },
    });
    await peer.send(namespace(0, "a"), namespace(2, "b"));
    expect(peer.received).toHaveLength(3);
    await peer.send(namespace(4, "c"));
    expect(await peer.closeCode()).toBe(7);
  });

  it("an answer twice", async () => {
    const peer = await ScriptedPeer.start("client");
    peer.session.subscribe("a", "t");
    await peer.settle();
    await peer.send(subscribeOk(1, 5), subscribeOk(1, 6));
    expect(await peer.closeCode()).toBe(3);
  });

  it("an alias in use: DUPLICATE_TRACK_ALIAS", async () => {
    const peer = await ScriptedPeer.start("client");
    peer.session.subscribe("a", "t");
    peer.session.subscribe("a", "u");
    await peer.settle();
    await peer.send(subscribeOk(1, 5), subscribeOk(3, 5));
    expect(await peer.closeCode()).toBe(5);
  });

  it("an alias in use, in PUBLISH", async () => {
    const peer = await ScriptedPeer.start("client");
    peer.session.subscribe("a", "t");
    await peer.settle();
    await peer.send(subscribeOk(1, 5), publish(0, "t", 5), publish(2, "u", 6));
    expect(peer.got("publish_error")).toHaveLength(2);
    await peer.send(publish(4, "u", 5));
    expect(await peer.closeCode()).toBe(5);
  });

  it.each([
    ["starts before", update(2, 0, { group: 4, object: 0 }, 0)],
    ["ends after", update(2, 0, { group: 5, object: 0 }, 11)],
    ["has no end", update(2, 0, { group: 5, object: 0 }, 0)],
  ])("a SUBSCRIBE_UPDATE that %s", async (_name, message) => {
    const peer = await ScriptedPeer.start("client");
    const origin = new Origin({ runtime: peer.runtime });
    origin.createBroadcast("a").createTrack("t");
    const broadcast = origin.broadcast("a");
    if (broadcast) peer.session.publishNamespace("a", broadcast);
    const start = { group: 5, object: 0 };
    const filter = { type: "absolute_range", start, endGroup: 9 } as const;
    await peer.send(subscribeMessage(0, "a", "t", { filter }));
    await peer.send(message);
    expect(await peer.closeCode()).toBe(3);
  });

  it("a second bidirectional stream", async () => {
    const peer = await ScriptedPeer.start("client");
    const second = await peer.transport.openBidi();
    await second.send.write(text("x"));
    expect(await peer.closeCode()).toBe(3);
  });

  it.each([
    ["a stream of an unknown type", Uint8Array.of(0x05, 0, 0, 0)],
    ["an object status that is none", Uint8Array.of(0x10, 9, 0, 0, 0, 0, 2)],
  ])("%s", async (_name, bytes) => {
    const peer = await ScriptedPeer.start("client");
    peer.session.subscribe("a", "t").accepted.then(
      () => {},
      () => {},
    );
    const subscription = peer.session.subscribe("b", "t");
    await peer.settle();
    await peer.send(subscribeOk(1, 8), subscribeOk(3, 9));
    const inbound = new Origin({ runtime: peer.runtime });
    subscription.fill(inbound.createBroadcast("in").createTrack("t"));
    const stream = await peer.transport.openUni();
    await stream.write(bytes);
    expect(await peer.closeCode()).toBe(3);
  });

  it("a datagram that cannot be decoded", async () => {
    const peer = await ScriptedPeer.start("client");
    peer.transport.sendDatagram(Uint8Array.of(0x1f, 0, 0, 0));
    expect(await peer.closeCode()).toBe(3);
  });

  it.each([
    ["FIN", (peer: ScriptedPeer) => peer.control.send.finish()],
    ["RESET_STREAM", (peer: ScriptedPeer) => peer.control.send.reset(0)],
    ["STOP_SENDING", (peer: ScriptedPeer) => peer.control.recv.stop(0)],
  ])("%s on the control stream", async (_name, end) => {
    for (const [profile, code] of [
      [standard, 3],
      [cloudflare, 0],
    ] as const) {
      const peer = await ScriptedPeer.start("server", { profile });
      end(peer);
      expect(await peer.closeCode()).toBe(code);
      await expect(peer.session.closed).resolves.toMatchObject({
        by: "peer",
        error: { code: "control_stream_ended" },
      });
    }
  });
});

describe("what does not end a session", () => {
  it("requests that are not supported are refused so", async () => {
    const peer = await ScriptedPeer.start("client");
    await peer.send(
      {
        type: "fetch",
        requestId: 0,
        subscriberPriority: 0,
        groupOrder: "ascending",
        range: { type: "relative_joining", joiningRequestId: 0, joiningStart: 1 },
        parameters,
      },
      publish(2, "t", 1),
      { type: "subscribe_namespace", requestId: 4, trackNamespacePrefix: ["a"], parameters },
      namespace(6, "a"),
      { type: "fetch_cancel", requestId: 0 },
    );
    expect(peer.received.slice(1)).toMatchObject([
      { type: "fetch_error", requestId: 0, errorCode: 3 },
      { type: "publish_error", requestId: 2, errorCode: 3 },
      { type: "subscribe_namespace_error", requestId: 4, errorCode: 4 },
      { type: "publish_namespace_error", requestId: 6, errorCode: 4 },
    ]);
  });

  it("names that are not UTF-8 and numbers above 2^53 are refused alone", async () => {
    const peer = await ScriptedPeer.start("client");
    await peer.sendBytes(
      Uint8Array.from(Buffer.from("03000b00010161 01ff8000010200".replaceAll(" ", ""), "hex")),
      encodeControlMessage(namespace(2, "a")),
    );
    expect(peer.received.slice(1)).toMatchObject([
      { type: "subscribe_error", requestId: 0, errorCode: 3 },
      { type: "publish_namespace_error", requestId: 2 },
    ]);
    expect(peer.session.stats().unsupported).toBe(1);
  });

  it("answers with numbers above 2^53 end the request they answer, at once", async () => {
    const peer = await ScriptedPeer.start("client");
    const huge = "ffffffffffffffff";
    const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
    const origin = new Origin({ runtime: peer.runtime });
    origin.createBroadcast("p");
    const broadcast = origin.broadcast("p");
    if (!broadcast) throw new Error("nothing is announced");
    const [refused, ended] = ["r", "e"].map((name) => peer.session.subscribe("a", name));
    const status = peer.session.trackStatus("a", "s");
    const publication = peer.session.publishNamespace("p", broadcast);
    const prefix = peer.session.subscribeNamespace("q");
    const all = [
      refused?.accepted,
      ended?.done.then((end) => Promise.reject("error" in end ? end.error : end)),
      status,
      publication.accepted,
      prefix.accepted,
    ].map((each) => expect(each).rejects.toMatchObject({ code: "wire_unsupported" }));
    await peer.settle();
    await peer.send(subscribeOk(3, 9));
    await peer.sendBytes(
      hex(`05 000a 01 ${huge} 00`),
      hex(`0b 000b 03 ${huge} 00 00`),
      hex(`0e 0015 05 00 00 01 01 ${huge} ${huge} 00`.replace("0015", "0016")),
      hex(`08 000a 07 ${huge} 00`),
      hex(`13 000a 09 ${huge} 00`),
    );
    await Promise.all(all);
    expect(peer.session.stats()).toMatchObject({ unsupported: 5, subscriptions: 0 });
    expect(peer.got("unsubscribe")).toEqual([]);
  });

  it("a token in a message that is not for tokens is ignored", async () => {
    const peer = await ScriptedPeer.start("client");
    const subscription = peer.session.subscribe("a", "t");
    await peer.settle();
    const value = Uint8Array.of(0x61);
    await peer.send({ ...subscribeOk(1, 9), parameters: [{ type: 3n, value }] });
    await subscription.accepted;
  });

  it("messages for what is over are counted", async () => {
    const peer = await ScriptedPeer.start("client");
    await peer.send(subscribeMessage(0, "a", "t"), { type: "unsubscribe", requestId: 0 });
    await peer.send(
      { type: "publish_namespace_done", trackNamespace: ["never"] },
      { type: "publish_namespace_cancel", trackNamespace: ["x"], errorCode: 0, errorReason: "" },
      { type: "unsubscribe_namespace", trackNamespacePrefix: ["x"] },
      { type: "requests_blocked", maximumRequestId: 1000n },
    );
    expect(peer.got("subscribe_error")).toMatchObject([{ errorCode: 4 }]);
    const subscription = peer.session.subscribe("a", "t");
    subscription.unsubscribe();
    await peer.settle();
    await peer.send(subscribeOk(1, 1), {
      type: "publish_done",
      requestId: 1,
      statusCode: 0,
      streamCount: 0n,
      errorReason: "",
    });
    expect(peer.session.stats().strayMessages).toBe(6);
  });

  it("is any order of many messages in one chunk", async () => {
    const peer = await ScriptedPeer.start("client");
    const all = Array.from({ length: 300 }, (_, i) =>
      encodeControlMessage(namespace(2 * i, `n${i}`)),
    );
    await peer.sendBytes(Buffer.concat(all));
    expect(peer.got("publish_namespace_error")).toHaveLength(300);
  });
});

function update(
  requestId: number,
  subscriptionRequestId: number,
  startLocation = { group: 0, object: 0 },
  endGroup = 0,
): ControlMessage {
  return {
    type: "subscribe_update",
    requestId,
    subscriptionRequestId,
    startLocation,
    endGroup,
    subscriberPriority: 0,
    forward: true,
    parameters,
  };
}

function publish(requestId: number, trackName: string, trackAlias: number): ControlMessage {
  return {
    type: "publish",
    requestId,
    trackNamespace: ["a"],
    trackName,
    trackAlias,
    groupOrder: "ascending",
    largestLocation: undefined,
    forward: true,
    parameters,
  };
}

function publishOk(): ControlMessage {
  return {
    type: "publish_ok",
    requestId: 1,
    forward: true,
    subscriberPriority: 0,
    groupOrder: "ascending",
    filter: { type: "largest_object" },
    parameters,
  };
}
