/**
 * The addon alone: a process that connects two sessions, and sends on the one
 * what comes on the streams of the other, without a thought about what it is.
 * Arguments: the base URL, the certificate's fingerprint.
 */
import { EventKind, loadNative, RECORD_LENGTH } from "@moq-bridge/transport-native";

const EVENTS_AT_ONCE = 1_024;
/** As `@moq-bridge/transport` does: room is given back in steps. */
const TAKEN_AT_ONCE = 128;
const GRANT_BYTES = 64 * 1024;

/** A stream on its way through. */
interface Passing {
  readonly out: number;
  opened: boolean;
  readonly waiting: Uint8Array[];
  finished: boolean;
  ungranted: number;
}

const [url = "", fingerprint = ""] = process.argv.slice(2);
const { Hub } = loadNative();
const records = new Float64Array(EVENTS_AT_ONCE * RECORD_LENGTH);
const payloads: unknown[] = [];
const passing = new Map<number, Passing>();
const opening = new Map<number, Passing>();
let taken = 0;
let connected = 0;

const hub = new Hub(() => {
  let count: number;
  do {
    count = hub.drain(records, payloads);
    let payload = 0;
    for (let event = 0; event < count; event++) {
      const at = event * RECORD_LENGTH;
      const kind = records[at];
      const hasBytes = kind === EventKind.data;
      handle(kind ?? 0, records[at + 1] ?? 0, records[at + 2] ?? 0, payloads[payload]);
      if (hasBytes) payload += 1;
      else if (kind === EventKind.connected || kind === EventKind.connectFailed) payload += 2;
    }
    payloads.length = 0;
  } while (count === EVENTS_AT_ONCE);
});

const [source, sink] = ["in", "out"].map((path) =>
  hub.connect({
    url: `${url}${path}`,
    protocols: [],
    fingerprints: [fingerprint],
    verifyChain: false,
    timeoutMs: 5_000,
    transport: {
      idleTimeoutMs: 6_000,
      keepAliveMs: 2_000,
      maxUniStreams: 8_193,
      maxBidiStreams: 4_096,
      streamWindow: 2 * 1024 * 1024,
      connectionWindow: 64 * 1024 * 1024,
      sendWindow: 8 * 1024 * 1024,
    },
  }),
) as [number, number];
// The addon alone does not keep a process.
setInterval(() => {}, 60_000);

function handle(kind: number, id: number, value: number, payload: unknown): void {
  switch (kind) {
    case EventKind.connected:
      connected += 1;
      if (connected === 2) process.stdout.write("ready\n");
      return;
    case EventKind.acceptUni:
      if (id === source) accept(value);
      return;
    case EventKind.data:
      pass(id, payload as Uint8Array, value === 1);
      return;
    case EventKind.fin:
      finish(id);
      return;
    case EventKind.opened:
      flush(id);
      return;
    case EventKind.connectFailed:
    case EventKind.closed:
      process.exit(1);
  }
}

function accept(stream: number): void {
  taken += 1;
  if (taken === TAKEN_AT_ONCE) {
    hub.taken(source, taken, 0, 0);
    taken = 0;
  }
  const number = hub.openUni(sink);
  const out = Math.abs(number);
  const one = { out, opened: number > 0, waiting: [], finished: false, ungranted: 0 };
  passing.set(stream, one);
  if (!one.opened) opening.set(out, one);
}

function pass(stream: number, bytes: Uint8Array, fin: boolean): void {
  const one = passing.get(stream);
  if (!one) return;
  if (one.opened) hub.write(one.out, bytes);
  else one.waiting.push(bytes);
  if (fin) {
    finish(stream);
    return;
  }
  one.ungranted += bytes.byteLength;
  if (one.ungranted < GRANT_BYTES) return;
  hub.grant(stream, one.ungranted);
  one.ungranted = 0;
}

function finish(stream: number): void {
  const one = passing.get(stream);
  if (!one) return;
  passing.delete(stream);
  if (one.opened) hub.finish(one.out);
  else one.finished = true;
}

function flush(out: number): void {
  const one = opening.get(out);
  if (!one) return;
  opening.delete(out);
  one.opened = true;
  for (const bytes of one.waiting.splice(0)) hub.write(out, bytes);
  if (one.finished) hub.finish(out);
}
