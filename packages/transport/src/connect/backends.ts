import { toMoqError } from "@moq-bridge/runtime";
import { connectError } from "../connect-error.js";
import type { Connect } from "../transport.js";

/** What {@link connectRelay} connects with. */
export interface Backends {
  /** WebTransport over QUIC, for `https://` URLs; fails with `connect_unsupported` where it does not load. */
  readonly native?: Connect;
  /** WebSocket, for `wss://` and `ws://` URLs. */
  readonly webSocket: Connect;
}

/** This package's own backends, each loaded when it is first used. */
export const defaultBackends: Backends = {
  async native(url, options) {
    const { connectNative } = await loaded(() => import("../native/native-connect.js"));
    return connectNative(url, options);
  },
  async webSocket(url, options) {
    const { connectWebSocket } = await loaded(() => import("../websocket/connect.js"));
    return connectWebSocket(url, options);
  },
};

async function loaded<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { message } = toMoqError(cause, "connect_unsupported", "process");
    throw connectError("connect_unsupported", message, { cause });
  }
}
