import fc from "fast-check";
import { MAX_VARINT } from "../varint.js";
import type { ControlMessage, ControlMessageOf, ControlMessageType } from "./control-message.js";
import type { ObjectDatagram } from "./datagram.js";
import type { AuthorizationToken, Parameter } from "./parameters.js";
import type { ObjectHeader, SubgroupHeader } from "./subgroup.js";

/** Numbers of every encoded size, with the edges of each often. */
export const anyNumber = fc.oneof(
  fc.constantFrom(0, 63, 64, 16383, 16384, 2 ** 30 - 1, 2 ** 30, Number.MAX_SAFE_INTEGER),
  fc.nat(),
  fc.maxSafeNat(),
);
/** Every varint. */
export const anyBig = fc.oneof(fc.constantFrom(0n, MAX_VARINT), fc.bigInt(0n, MAX_VARINT));
/** One byte. */
export const anyOctet = fc.nat(255);
const text = fc.string({ unit: "binary", maxLength: 12 });
const reason = fc.oneof(fc.constantFrom("", "x".repeat(1024)), text);
const namespace = fc.array(text, { minLength: 1, maxLength: 32 });
const location = fc.record({ group: anyNumber, object: anyNumber });
const maybeLocation = fc.option(location, { nil: undefined });
const order = fc.constantFrom("publisher" as const, "ascending" as const, "descending" as const);
const chosenOrder = fc.constantFrom("ascending" as const, "descending" as const);
const bytes = fc.uint8Array({ maxLength: 20 });
const boolean = fc.boolean();

const parameterOf = (types: fc.Arbitrary<bigint>): fc.Arbitrary<Parameter> =>
  types.chain((raw) => {
    const value: fc.Arbitrary<Parameter["value"]> = raw % 2n === 0n ? anyBig : bytes;
    return fc.record({ type: fc.constant(raw), value });
  });
const parameter = parameterOf(anyBig);
/** Parameters, none of a type twice. */
export const anyParameters = fc.uniqueArray(parameter, { selector: (p) => p.type, maxLength: 5 });
/** Parameters the draft does not define, in SETUP or elsewhere, some of a type more than once. */
export const anyUnknownParameters = fc
  .array(parameterOf(fc.oneof(fc.constantFrom(8n, 9n), fc.bigInt(8n, MAX_VARINT))), {
    maxLength: 4,
  })
  .map((list) => [...list, ...list.slice(0, 2)]);

const filter = fc.oneof(
  fc.constant({ type: "next_group_start" } as const),
  fc.constant({ type: "largest_object" } as const),
  fc.record({ type: fc.constant("absolute_start" as const), start: location }),
  fc.record({
    type: fc.constant("absolute_range" as const),
    start: location,
    endGroup: anyNumber,
  }),
);
const range = fc.oneof(
  fc.record({
    type: fc.constant("standalone" as const),
    trackNamespace: namespace,
    trackName: text,
    start: location,
    end: location,
  }),
  fc.record({
    type: fc.constantFrom("relative_joining" as const, "absolute_joining" as const),
    joiningRequestId: anyNumber,
    joiningStart: anyNumber,
  }),
);

const requestId = anyNumber;
const parameters = anyParameters;
const error = { requestId, errorCode: anyNumber, errorReason: reason };
const request = {
  requestId,
  trackNamespace: namespace,
  trackName: text,
  subscriberPriority: anyOctet,
  groupOrder: order,
  forward: boolean,
  filter,
  parameters,
};
const ok = {
  requestId,
  trackAlias: anyNumber,
  expires: anyBig,
  groupOrder: chosenOrder,
  largestLocation: maybeLocation,
  parameters,
};

type Shapes = {
  [T in ControlMessageType]: {
    [K in keyof Omit<ControlMessageOf<T>, "type">]: fc.Arbitrary<ControlMessageOf<T>[K]>;
  };
};

const shapes: Shapes = {
  client_setup: { supportedVersions: fc.array(anyNumber, { maxLength: 6 }), parameters },
  server_setup: { selectedVersion: anyNumber, parameters },
  goaway: { newSessionUri: reason },
  max_request_id: { requestId: anyBig },
  requests_blocked: { maximumRequestId: anyBig },
  subscribe: request,
  subscribe_ok: ok,
  subscribe_error: error,
  subscribe_update: {
    requestId,
    subscriptionRequestId: anyNumber,
    startLocation: location,
    endGroup: anyNumber,
    subscriberPriority: anyOctet,
    forward: boolean,
    parameters,
  },
  unsubscribe: { requestId },
  publish_done: { requestId, statusCode: anyNumber, streamCount: anyBig, errorReason: reason },
  track_status: request,
  track_status_ok: ok,
  track_status_error: error,
  publish: {
    requestId,
    trackNamespace: namespace,
    trackName: text,
    trackAlias: anyNumber,
    groupOrder: chosenOrder,
    largestLocation: maybeLocation,
    forward: boolean,
    parameters,
  },
  publish_ok: {
    requestId,
    forward: boolean,
    subscriberPriority: anyOctet,
    groupOrder: chosenOrder,
    filter,
    parameters,
  },
  publish_error: error,
  fetch: { requestId, subscriberPriority: anyOctet, groupOrder: order, range, parameters },
  fetch_ok: {
    requestId,
    groupOrder: chosenOrder,
    endOfTrack: boolean,
    endLocation: location,
    parameters,
  },
  fetch_error: error,
  fetch_cancel: { requestId },
  publish_namespace: { requestId, trackNamespace: namespace, parameters },
  publish_namespace_ok: { requestId },
  publish_namespace_error: error,
  publish_namespace_done: { trackNamespace: namespace },
  publish_namespace_cancel: {
    trackNamespace: namespace,
    errorCode: anyNumber,
    errorReason: reason,
  },
  subscribe_namespace: { requestId, trackNamespacePrefix: namespace, parameters },
  subscribe_namespace_ok: { requestId },
  subscribe_namespace_error: error,
  unsubscribe_namespace: { trackNamespacePrefix: namespace },
};

/** Each message name with an arbitrary of its legal values. */
export const messageArbitraries = Object.entries(shapes).map(
  ([type, shape]) =>
    [
      type,
      fc.record(shape as Record<string, fc.Arbitrary<unknown>>).map((fields) => {
        return { type, ...fields } as unknown as ControlMessage;
      }),
    ] as const,
);

/** Any legal control message. */
export const anyMessage = fc.oneof(...messageArbitraries.map(([, arbitrary]) => arbitrary));

/** Any legal subgroup header. */
export const anySubgroupHeader: fc.Arbitrary<SubgroupHeader> = fc.record({
  trackAlias: anyNumber,
  groupId: anyNumber,
  subgroupId: fc.oneof(fc.constantFrom(0 as const, "first_object_id" as const), anyNumber),
  publisherPriority: anyOctet,
  extensionsPresent: boolean,
  endOfGroup: boolean,
});

/** A whole subgroup stream: its header and its objects with their payloads. */
export interface SubgroupStream {
  readonly header: SubgroupHeader;
  readonly objects: readonly { readonly object: ObjectHeader; readonly payload: Uint8Array }[];
}

/** Any legal subgroup stream. */
export const anySubgroupStream: fc.Arbitrary<SubgroupStream> = anySubgroupHeader.chain((header) => {
  const object = fc
    .record({
      gap: fc.oneof(fc.constant(0), fc.nat(100)),
      payload: fc.uint8Array({ maxLength: 90 }),
      status: fc.constantFrom(0, 1, 3, 4),
      extensions: fc.uint8Array({ minLength: 1, maxLength: 70 }),
      extended: boolean,
    })
    .map((o) => ({ ...o, status: o.payload.byteLength > 0 ? 0 : o.status }));
  return fc.array(object, { maxLength: 6 }).map((list) => {
    let objectId = -1;
    const objects = list.map(({ gap, payload, status, extensions, extended }) => {
      objectId += gap + 1;
      const fields = { objectId, payloadLength: payload.byteLength, status };
      const withBlock = header.extensionsPresent && extended && status !== 1;
      return { object: withBlock ? { ...fields, extensions } : fields, payload };
    });
    return { header, objects };
  });
});

/** Any authorization token. */
export const anyToken: fc.Arbitrary<AuthorizationToken> = fc.oneof(
  fc.record({ type: fc.constantFrom("delete" as const, "use_alias" as const), alias: anyBig }),
  fc.record({
    type: fc.constant("register" as const),
    alias: anyBig,
    tokenType: anyBig,
    value: bytes,
  }),
  fc.record({ type: fc.constant("use_value" as const), tokenType: anyBig, value: bytes }),
);

/** Any legal datagram. */
export const anyDatagram: fc.Arbitrary<ObjectDatagram> = fc
  .record({
    trackAlias: anyNumber,
    groupId: anyNumber,
    objectId: fc.oneof(fc.constant(0), anyNumber),
    publisherPriority: anyOctet,
    endOfGroup: boolean,
    extensions: fc.option(fc.uint8Array({ minLength: 1, maxLength: 70 }), { nil: undefined }),
    content: fc.oneof(
      fc.record({
        type: fc.constant("payload" as const),
        payload: fc.uint8Array({ maxLength: 50 }),
      }),
      fc.record({ type: fc.constant("status" as const), status: fc.constantFrom(0, 1, 3, 4) }),
    ),
  })
  .map(({ extensions, ...rest }) => {
    const isStatus = rest.content.type === "status";
    const datagram = { ...rest, endOfGroup: rest.endOfGroup && !isStatus };
    const gone = rest.content.type === "status" && rest.content.status === 1;
    return extensions && !gone ? { ...datagram, extensions } : datagram;
  });

/** Cuts bytes into chunks at the given places. */
export function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.byteLength + 1)))].sort(
    (a, b) => a - b,
  );
  const chunks: Uint8Array[] = [];
  let start = 0;
  for (const place of [...places, bytes.byteLength]) {
    if (place > start) chunks.push(bytes.slice(start, place));
    start = Math.max(start, place);
  }
  return chunks;
}

/** Chunks one after the other. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
