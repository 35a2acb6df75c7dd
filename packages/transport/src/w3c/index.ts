export {
  type FromWebSocketOptions,
  fromWebSocket,
  webSocketSubprotocols,
} from "./from-web-socket.js";
export { type FromWebTransportOptions, fromWebTransport } from "./from-web-transport.js";
export type { W3cWebSocket } from "./web-socket.js";
export type { W3cWebTransport } from "./web-transport.js";
