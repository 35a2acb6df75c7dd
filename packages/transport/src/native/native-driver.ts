import type { NativeHub } from "@moq-bridge/transport-native";
import { connectError } from "../connect-error.js";
import type { NativeRecv } from "./native-recv.js";
import type { NativeSend } from "./native-send.js";
import type { NativeSession } from "./native-session.js";

/** Imported with the first use: the package is optional. */
type Addon = typeof import("@moq-bridge/transport-native");

const EVENTS_AT_ONCE = 1_024;
/** Any long time does: the timer only keeps the process from ending. */
const KEEP_PROCESS_MS = 2 ** 31 - 1;

/** Waits for the outcome of one connect. */
export interface ConnectWaiter {
  connected(protocol: string | undefined): void;
  failed(code: string, message: string, status: number | undefined): void;
}

/** Hears of a server's sessions and its end. */
export interface ServerListener {
  incoming(session: number, protocol: string | undefined, path: string): void;
  closed(): void;
}

/**
 * Hands the addon's events to the sessions and streams they are for. There is
 * one per process (or worker thread): {@link nativeDriver}.
 */
export class NativeDriver {
  readonly hub: NativeHub;
  readonly sends = new Map<number, NativeSend>();
  readonly recvs = new Map<number, NativeRecv>();
  readonly sessions = new Map<number, NativeSession>();
  readonly connects = new Map<number, ConnectWaiter>();
  readonly servers = new Map<number, ServerListener>();
  readonly #kinds: Addon["EventKind"];
  readonly #recordLength: number;
  readonly #records: Float64Array;
  readonly #payloads: unknown[] = [];
  #users = 0;
  #keepsProcess: NodeJS.Timeout | undefined;

  constructor(addon: Addon) {
    this.#kinds = addon.EventKind;
    this.#recordLength = addon.RECORD_LENGTH;
    this.#records = new Float64Array(EVENTS_AT_ONCE * addon.RECORD_LENGTH);
    const { Hub } = addon.loadNative();
    this.hub = new Hub(() => this.#drain());
  }

  /** Something is open that, like a socket, keeps the process alive until {@link release}. */
  retain(): void {
    this.#users += 1;
    this.#keepsProcess ??= setInterval(() => {}, KEEP_PROCESS_MS);
  }

  /** Undoes one {@link retain}. */
  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    clearInterval(this.#keepsProcess);
    this.#keepsProcess = undefined;
  }

  #drain(): void {
    let count: number;
    do {
      count = this.hub.drain(this.#records, this.#payloads);
      let payload = 0;
      for (let event = 0; event < count; event++) {
        const at = event * this.#recordLength;
        payload += this.#dispatch(
          this.#records[at] ?? 0,
          this.#records[at + 1] ?? 0,
          this.#records[at + 2] ?? 0,
          payload,
        );
      }
      this.#payloads.length = 0;
    } while (count === EVENTS_AT_ONCE);
  }

  /** Returns how many payloads the event took. */
  #dispatch(kind: number, id: number, value: number, payload: number): number {
    const kinds = this.#kinds;
    switch (kind) {
      case kinds.data:
        this.recvs.get(id)?.handleData(this.#bytes(payload), value === 1);
        return 1;
      case kinds.fin:
        this.recvs.get(id)?.handleFin();
        return 0;
      case kinds.recvReset:
        this.recvs.get(id)?.handleReset(toCode(value));
        return 0;
      case kinds.recvLost:
        this.recvs.get(id)?.handleLost();
        return 0;
      case kinds.drained:
        this.sends.get(id)?.handleDrained();
        return 0;
      case kinds.sendFinished:
        this.sends.get(id)?.handleFinished();
        return 0;
      case kinds.sendStopped:
        this.sends.get(id)?.handleStopped(toCode(value));
        return 0;
      case kinds.sendLost:
        this.sends.get(id)?.handleLost();
        return 0;
      case kinds.opened:
        this.sends.get(id)?.handleOpened();
        return 0;
      case kinds.acceptUni:
        this.sessions.get(id)?.handleUni(value);
        return 0;
      case kinds.acceptBidi:
        this.sessions.get(id)?.handleBidi(value);
        return 0;
      case kinds.datagram:
        this.sessions.get(id)?.handleDatagram(this.#bytes(payload));
        return 1;
      default:
        this.#dispatchConnection(kind, id, value, payload);
        return kind === kinds.serverClosed ? 0 : 2;
    }
  }

  #dispatchConnection(kind: number, id: number, value: number, payload: number): void {
    const kinds = this.#kinds;
    switch (kind) {
      case kinds.connected:
        this.connects.get(id)?.connected(this.#text(payload));
        break;
      case kinds.connectFailed:
        this.connects
          .get(id)
          ?.failed(this.#text(payload) ?? "", this.#text(payload + 1) ?? "", toCode(value));
        break;
      case kinds.incoming:
        this.servers.get(id)?.incoming(value, this.#text(payload), this.#text(payload + 1) ?? "");
        break;
      case kinds.closed:
        this.sessions.get(id)?.handleClosed({
          by: toEnder(this.#text(payload)),
          code: toCode(value),
          reason: this.#text(payload + 1) ?? "",
        });
        break;
      case kinds.serverClosed:
        this.servers.get(id)?.closed();
        break;
      default:
        throw new Error(`the QUIC addon reports an event of unknown kind ${kind}`);
    }
  }

  #bytes(payload: number): Uint8Array {
    const value = this.#payloads[payload];
    return value instanceof Uint8Array ? value : new Uint8Array();
  }

  #text(payload: number): string | undefined {
    const value = this.#payloads[payload];
    return typeof value === "string" ? value : undefined;
  }
}

function toCode(value: number): number | undefined {
  return value === -1 ? undefined : value;
}

function toEnder(text: string | undefined): "local" | "peer" | "transport" {
  return text === "local" || text === "peer" ? text : "transport";
}

let driver: NativeDriver | undefined;

/**
 * The driver over the addon, which is loaded with the first call.
 *
 * @throws {MoqError} `connect_unsupported` when it does not load; the message says what to do
 */
export async function nativeDriver(): Promise<NativeDriver> {
  if (driver) return driver;
  try {
    const addon = await import("@moq-bridge/transport-native");
    driver ??= new NativeDriver(addon);
    return driver;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw connectError("connect_unsupported", reason, { cause });
  }
}
