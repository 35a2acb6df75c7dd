import { lookup } from "node:dns/promises";
import { isIPv6 } from "node:net";
import { toMoqError } from "@moq-bridge/runtime";
import { AsyncQueue } from "../async-queue.js";
import { deferred } from "../deferred.js";
import type { ServerIdentity, TransportServer, TransportSession } from "../transport.js";
import { type NativeDriver, nativeDriver } from "./native-driver.js";
import { NativeSession } from "./native-session.js";
import { type NativeSessionOptions, transportSettings } from "./settings.js";

/** Where and as whom to listen. Idle time-out and keep-alive default to 10 s and 4 s. */
export interface NativeListenOptions extends NativeSessionOptions {
  /** An address or name of this machine, for example `127.0.0.1`, `localhost` or `::`. */
  readonly host: string;
  /** A UDP port; 0 for any free one. */
  readonly port: number;
  readonly identity: ServerIdentity;
  /**
   * Application protocols to agree to. The first of the client's list that is
   * among them is chosen; a client that offers none of them gets a session
   * without a protocol.
   */
  readonly protocols: readonly string[];
  /** The paths there are, without query; a client asking for another gets status 404. Default: every path. */
  readonly paths?: readonly string[];
}

/**
 * Listens for WebTransport sessions over QUIC with the addon.
 *
 * @throws {MoqError} `listen_failed` (address in use, unusable identity), or
 *   `connect_unsupported` when the addon does not load
 */
export async function listenNative(options: NativeListenOptions): Promise<TransportServer> {
  const driver = await nativeDriver();
  try {
    const { address } = await lookup(options.host);
    const host = isIPv6(address) ? `[${address}]` : address;
    const listening = driver.hub.listen({
      address: `${host}:${options.port}`,
      ...options.identity,
      protocols: [...options.protocols],
      paths: [...(options.paths ?? [])],
      transport: transportSettings("server", options),
    });
    return new NativeServer(driver, listening);
  } catch (error) {
    throw toMoqError(error, "listen_failed", "process");
  }
}

class NativeServer implements TransportServer {
  readonly port: number;
  readonly #driver: NativeDriver;
  readonly #id: number;
  readonly #waiting = new AsyncQueue<TransportSession>("sessions");
  readonly #sessions = new Set<NativeSession>();
  readonly #closed = deferred<void>();
  #closing = false;

  constructor(driver: NativeDriver, listening: { readonly id: number; readonly port: number }) {
    this.#driver = driver;
    this.#id = listening.id;
    this.port = listening.port;
    driver.retain();
    driver.servers.set(listening.id, {
      incoming: (id, protocol, path) => this.#handleSession(id, protocol, path),
      closed: () => this.#handleClosed(),
    });
  }

  accept(): Promise<TransportSession | undefined> {
    return this.#waiting.next();
  }

  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#waiting.end();
      const ending = [...this.#sessions].map((session) => {
        session.close(0, "");
        return session.closed;
      });
      // Before the endpoint goes: else the peers would not hear why.
      await Promise.all(ending);
      this.#driver.hub.closeServer(this.#id);
    }
    await this.#closed.promise;
  }

  #handleSession(id: number, protocol: string | undefined, path: string): void {
    const session = new NativeSession(this.#driver, { id, side: "server", protocol, path });
    if (this.#closing) {
      session.close(0, "");
      return;
    }
    this.#sessions.add(session);
    void session.closed.then(() => this.#sessions.delete(session));
    this.#waiting.push(session);
  }

  #handleClosed(): void {
    this.#driver.servers.delete(this.#id);
    this.#driver.release();
    this.#closed.resolve();
  }
}
