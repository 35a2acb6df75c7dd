/**
 * The addon's interface, kept in step with `native/lib.rs` and
 * `native/events.rs`. Sessions, streams and servers are numbers; no call
 * waits; a call with a number that has ended does nothing.
 */
export interface NativeBinding {
  /** `notify` is called, on the JavaScript thread, when there is something to drain. */
  readonly Hub: new (
    notify: () => void,
  ) => NativeHub;
}

/** Everything of one JavaScript environment; see {@link NativeBinding}. */
export interface NativeHub {
  /**
   * Takes events: {@link RECORD_LENGTH} numbers each (kind, id, value) into
   * `records`, and for some kinds values into `payloads`, from index 0 on.
   * Returns how many; as many as fit means there may be more.
   */
  drain(records: Float64Array, payloads: unknown[]): number;

  /** Starts to connect; `connected` or `connectFailed` follows unless aborted. @throws on an unusable URL */
  connect(settings: NativeConnectSettings): number;
  /** Gives up connecting; true when no event will follow. */
  abortConnect(id: number): boolean;
  /** Binds at once; `incoming` follows for every session. @throws when the address or identity is unusable */
  listen(settings: NativeListenSettings): { readonly id: number; readonly port: number };
  /** Ends a server and its sessions; `serverClosed` follows. */
  closeServer(id: number): void;

  /** The new stream's number; negative when `opened` will tell that it is open. */
  openUni(session: number): number;
  /** As {@link openUni}; one number for both halves. */
  openBidi(session: number): number;
  /** Gives back room for so many accepted streams and datagrams. */
  taken(session: number, uni: number, bidi: number, datagrams: number): void;
  /** Drops the datagram when it cannot be queued. */
  sendDatagram(session: number, payload: Uint8Array): void;
  maxDatagramSize(session: number): number;
  /** Ends the session; `closed` follows once the peer knows, or gave no answer. */
  close(session: number, code: number, reason: string): void;

  /** Copies and queues; false when the writer should wait for `drained`. */
  write(stream: number, chunk: Uint8Array): boolean;
  /** As {@link write}, for several chunks. */
  writeAll(stream: number, chunks: readonly Uint8Array[]): boolean;
  finish(stream: number): void;
  reset(stream: number, code: number): void;
  setPriority(stream: number, priority: number): void;
  /** Lets the addon read so many bytes more ahead. */
  grant(stream: number, bytes: number): void;
  stop(stream: number, code: number): void;
}

/** Settings of a QUIC connection; times in milliseconds, sizes in bytes. */
export interface NativeTransportSettings {
  readonly idleTimeoutMs: number;
  /** 0: none are sent. */
  readonly keepAliveMs: number;
  readonly maxUniStreams: number;
  readonly maxBidiStreams: number;
  readonly streamWindow: number;
  readonly connectionWindow: number;
  readonly sendWindow: number;
}

/** What a certificate must meet: every rule given, the chain up to `ca` or else the system's roots. */
export interface NativeConnectSettings {
  readonly url: string;
  readonly protocols: string[];
  readonly ca?: string;
  /** Lower-case hex without colons. */
  readonly fingerprints?: string[];
  /** Whether chain, validity and name are checked. */
  readonly verifyChain: boolean;
  readonly timeoutMs: number;
  readonly transport: NativeTransportSettings;
}

/** `address` is an IP address with a port, `[::1]:0` for IPv6. */
export interface NativeListenSettings {
  readonly address: string;
  readonly cert: string;
  readonly key: string;
  readonly protocols: string[];
  /** Empty: every path. */
  readonly paths: string[];
  readonly transport: NativeTransportSettings;
}

/** Numbers per event in the records of {@link NativeHub.drain}. */
export const RECORD_LENGTH = 3;

/** The kinds of event; each says what its id, value and payload are. A code of -1 means none. */
export const EventKind = {
  /** id: session; payload: protocol or undefined, an empty string. */
  connected: 1,
  /** id: session; value: HTTP status or -1; payload: error code, message. */
  connectFailed: 2,
  /** id: server; value: the new session; payload: protocol or undefined, path. */
  incoming: 3,
  /** id: session; value: the new stream. */
  acceptUni: 4,
  /** id: session; value: the new stream, both halves. */
  acceptBidi: 5,
  /** id: stream whose opening had to wait. */
  opened: 6,
  /** id: stream; value: 1 with the FIN; payload: a Buffer that nothing else holds. */
  data: 7,
  /** id: stream. */
  fin: 8,
  /** id: stream; value: code. */
  recvReset: 9,
  /** id: stream, whose session ended. */
  recvLost: 10,
  /** id: stream, which takes more writes now. */
  drained: 11,
  /** id: stream; value: code. */
  sendStopped: 12,
  /** id: stream; the peer has everything and the FIN. */
  sendFinished: 13,
  /** id: stream, whose session ended. */
  sendLost: 14,
  /** id: session; payload: a Buffer. */
  datagram: 15,
  /** id: session; value: code; payload: `local`, `peer` or `transport`, the reason. */
  closed: 16,
  /** id: server. */
  serverClosed: 17,
} as const;
