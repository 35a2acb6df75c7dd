export { type FromWebTransportOptions, fromWebTransport } from "./from-web-transport.js";
export type { W3cWebTransport } from "./web-transport.js";
