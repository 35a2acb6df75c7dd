export * from "./browser.js";
export type { Backends } from "./connect/backends.js";
export {
  type ConnectRelayOptions,
  connectRelay,
  type RelayConnection,
} from "./connect/connect-relay.js";
export { connectNative, type NativeConnectOptions } from "./native/native-connect.js";
export { listenNative, type NativeListenOptions } from "./native/native-server.js";
export type { NativeSessionOptions } from "./native/settings.js";
export { connectWebSocket } from "./websocket/connect.js";
export type { Framing } from "./websocket/frame.js";
export type { Limits as WebSocketLimits } from "./websocket/limits.js";
export { listenWebSocket } from "./websocket/listen.js";
export type { WebSocketConnectOptions, WebSocketListenOptions } from "./websocket/options.js";
