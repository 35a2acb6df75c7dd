import { WebSocket } from "ws";
import { transportCompliance } from "../compliance/compliance.js";
import { listenWebSocket } from "../websocket/listen.js";
import { cuttable } from "../websocket/testing/cut.js";
import { fromWebSocket, webSocketSubprotocols } from "./from-web-socket.js";

const PATH = "/room?jwt=x";
const PROTOCOLS = ["moq-lite-05"];
const TIMES = { idleTimeoutMs: 1_000, keepAliveMs: 200 };

/** The W3C interface of `ws` stands for a browser's. */
async function start() {
  const server = await listenWebSocket({
    host: "127.0.0.1",
    port: 0,
    protocols: PROTOCOLS,
    framings: ["qmux-01"],
    ...TIMES,
  });
  const path = await cuttable(server.port);
  const webSocket = new WebSocket(
    `ws://127.0.0.1:${path.port}${PATH}`,
    webSocketSubprotocols(PROTOCOLS),
  );
  const client = await fromWebSocket(webSocket, TIMES);
  const accepted = await server.accept();
  if (!accepted) throw new Error("the server is closed");
  return {
    client,
    server: accepted,
    async cleanup() {
      client.close(0, "");
      await server.close();
      await path.close();
    },
    cut() {
      path.cut();
      return [client, accepted];
    },
  };
}

transportCompliance("a W3C WebSocket", start, {
  protocol: "moq-lite-05",
  path: PATH,
  limits: { uni: 1024, bidi: 1024 },
});
