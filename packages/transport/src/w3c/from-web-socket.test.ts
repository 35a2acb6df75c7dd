import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { fromWebSocket, webSocketSubprotocols } from "./from-web-socket.js";

it("offers only framings that need no pause", () => {
  expect(webSocketSubprotocols(["moq-lite-05"])).toEqual([
    "qmux-01.moq-lite-05",
    "qmux-00.moq-lite-05",
  ]);
});

it("says that a WebSocket did not open", async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const webSocket = new WebSocket(`ws://127.0.0.1:${port}/`, webSocketSubprotocols(["x"]));
  await expect(fromWebSocket(webSocket)).rejects.toMatchObject({ code: "connect_refused" });
  server.close();
});

it("refuses a server that chose another subprotocol", async () => {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    handleProtocols: () => "webtransport",
  });
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const webSocket = new WebSocket(`ws://127.0.0.1:${port}/`, [
    ...webSocketSubprotocols(["x"]),
    "webtransport",
  ]);
  await expect(fromWebSocket(webSocket)).rejects.toMatchObject({
    code: "connect_http",
    wireCode: 101,
  });
  for (const client of server.clients) client.terminate();
  server.close();
});
