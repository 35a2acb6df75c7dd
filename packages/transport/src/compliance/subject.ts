import { afterEach, beforeEach, expect } from "vitest";
import type { BidiStream, RecvStream, TransportSession } from "../transport.js";

/** Two connected sessions of the backend under test. */
export interface ComplianceSubject {
  readonly client: TransportSession;
  readonly server: TransportSession;
  /** Frees everything, whatever state the test left it in. */
  cleanup(): void | Promise<void>;
  /**
   * Loses the connection without a close, as when the peer's process is killed
   * or the network goes. Returns the sessions that have to notice, by idle
   * time-out at the latest. Called without `this`.
   */
  readonly cut: () => readonly TransportSession[] | Promise<readonly TransportSession[]>;
}

/** What to expect of a backend beside its `capabilities`. */
export interface ComplianceExpectations {
  /** The negotiated protocol on both sides; leave out when none is. */
  readonly protocol?: string;
  /** The path the server sees; leave out where the server does not learn it. */
  readonly path?: string;
  /**
   * Streams of each kind either side may have open at once, where it is known.
   * Without it at least 3,000 of each must be possible.
   */
  readonly limits?: { readonly uni: number; readonly bidi: number };
}

/** Who opens, and who accepts. */
export interface Ends {
  readonly opener: TransportSession;
  readonly acceptor: TransportSession;
}

/** What the groups of the suite share: a fresh subject for each test. */
export interface Suite {
  readonly expected: ComplianceExpectations;
  subject(): ComplianceSubject;
  ends(opener: "client" | "server"): Ends;
}

/** Starts a subject before each test and looks for unhandled rejections after it. */
export function prepareSuite(
  start: () => Promise<ComplianceSubject>,
  expected: ComplianceExpectations,
): Suite {
  let current: ComplianceSubject | undefined;
  const unhandled: unknown[] = [];
  const collect = (reason: unknown) => unhandled.push(reason);

  beforeEach(async () => {
    unhandled.length = 0;
    process.on("unhandledRejection", collect);
    current = await start();
  });
  afterEach(async () => {
    await current?.cleanup();
    current = undefined;
    await turnOfEventLoop();
    process.off("unhandledRejection", collect);
    expect(unhandled).toEqual([]);
  });

  const subject = () => {
    if (!current) throw new Error("no subject outside a test");
    return current;
  };
  return {
    expected,
    subject,
    ends(opener) {
      const { client, server } = subject();
      return opener === "client"
        ? { opener: client, acceptor: server }
        : { opener: server, acceptor: client };
    },
  };
}

/** Lets everything that is ready run. */
export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** `value`, which must be there. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the session ended where a value was expected");
  return value;
}

/** Everything up to the FIN. */
export async function readAll(stream: RecvStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(); chunk; chunk = await stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Exactly `length` bytes or more, without waiting for the FIN. */
export async function readAtLeast(stream: RecvStream, length: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size < length) {
    const chunk = present(await stream.read());
    chunks.push(chunk);
    size += chunk.byteLength;
  }
  return Buffer.concat(chunks);
}

/** Reads until the stream ends with an error, and returns that error. */
export async function readError(stream: RecvStream): Promise<unknown> {
  try {
    await readAll(stream);
  } catch (error) {
    return error;
  }
  throw new Error("the stream ended with a FIN where an error was expected");
}

/** The error a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("resolved where an error was expected");
}

/** Bytes that tell their position, different for each seed. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

/** Compares large contents without printing them. */
export function expectSame(actual: Uint8Array, wanted: Uint8Array): void {
  expect(actual.byteLength).toBe(wanted.byteLength);
  expect(Buffer.compare(actual, wanted)).toBe(0);
}

/** A unidirectional stream whose first byte has arrived. */
export async function uniPair({ opener, acceptor }: Ends) {
  const send = await opener.openUni();
  await send.write(Uint8Array.of(1));
  const recv = present(await acceptor.acceptUni());
  expectSame(await readAtLeast(recv, 1), Uint8Array.of(1));
  return { send, recv };
}

/** A bidirectional stream whose first byte has arrived. */
export async function bidiPair({
  opener,
  acceptor,
}: Ends): Promise<{ near: BidiStream; far: BidiStream }> {
  const near = await opener.openBidi();
  await near.send.write(Uint8Array.of(1));
  const far = present(await acceptor.acceptBidi());
  expectSame(await readAtLeast(far.recv, 1), Uint8Array.of(1));
  return { near, far };
}

/** Whether a promise has settled, to be asked later. */
export function watch(promise: Promise<unknown>): { readonly settled: boolean } {
  const state = { settled: false };
  const settle = () => {
    state.settled = true;
  };
  promise.then(settle, settle);
  return state;
}

/**
 * Lets what is under way arrive: several round trips on a stream of their own
 * (opened before, so that no stream limit is in the way), or a short time where
 * one unread stream stops the others.
 */
export async function quietPeriod(ends: Ends): Promise<() => Promise<void>> {
  if (!ends.opener.capabilities.perStreamFlowControl) {
    return () => new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { near, far } = await bidiPair(ends);
  return async () => {
    for (let trip = 0; trip < 5; trip++) {
      await near.send.write(Uint8Array.of(trip));
      await readAtLeast(far.recv, 1);
      await far.send.write(Uint8Array.of(trip));
      await readAtLeast(near.recv, 1);
    }
  };
}

/** Most a writer may get rid of while its peer does not read. */
export const MOST_UNREAD_BYTES = 64 * 1024 * 1024;

/** Writes to a stream nobody reads until the writer is held back. */
export async function blockWriter(
  send: { write(chunks: Uint8Array): Promise<void> },
  quiet: () => Promise<void>,
): Promise<{ readonly blocked: Promise<void>; readonly written: Uint8Array }> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const chunk = pattern(64 * 1024, chunks.length + 1);
    chunks.push(chunk);
    bytes += chunk.byteLength;
    const write = send.write(chunk);
    const state = watch(write);
    await turnOfEventLoop();
    if (!state.settled) await quiet();
    if (!state.settled) return { blocked: write, written: Buffer.concat(chunks) };
    expect(bytes).toBeLessThan(MOST_UNREAD_BYTES);
  }
}
