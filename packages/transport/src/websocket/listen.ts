import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { MoqError } from "@moq-bridge/runtime";
import { type WebSocket, WebSocketServer } from "ws";
import { AsyncQueue } from "../async-queue.js";
import type { TransportServer, TransportSession } from "../transport.js";
import type { Framing } from "./frame.js";
import { DEFAULT_LIMITS } from "./limits.js";
import { NodeSocket } from "./node-socket.js";
import { type WebSocketListenOptions, webSocketSettings } from "./options.js";
import { WebSocketSession } from "./session.js";
import { formatSubprotocol, type Subprotocol, selectSubprotocol } from "./subprotocol.js";

const DEFAULT_FRAMINGS: readonly Framing[] = ["qmux-02", "qmux-01", "qmux-00", "webtransport"];
const DEFAULT_IDLE_TIMEOUT_MS = 30_000;
const DEFAULT_KEEP_ALIVE_MS = 10_000;

/** Time a client has for its whole request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;

const SERVER_CLOSED = { code: 0, reason: "the server is closing" };

/**
 * Serves sessions over WebSocket, plain or with TLS. A client that offers no
 * subprotocol we speak gets HTTP status 400, any other request 426.
 *
 * @throws {MoqError} `listen_failed`, for example as the port is taken
 */
export async function listenWebSocket(options: WebSocketListenOptions): Promise<TransportServer> {
  const http = options.server ?? ownServer(options);
  const server = new WebSocketTransportServer(http, options);
  if (options.server === undefined) {
    try {
      await listen(http, options);
    } catch (cause) {
      const where = `${options.host ?? "*"}:${options.port ?? 0}`;
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `cannot listen on ${where}: ${reason}`;
      throw new MoqError("listen_failed", message, { scope: "process", cause });
    }
  }
  return server;
}

function ownServer({ tls }: WebSocketListenOptions): Server {
  const server = tls ? createSecureServer({ cert: tls.cert, key: tls.key }) : createServer();
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.on("request", (_request, response) => {
    response.writeHead(426, { connection: "close", upgrade: "websocket" }).end();
  });
  return server;
}

function listen(server: Server, { host, port = 0 }: WebSocketListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

class WebSocketTransportServer implements TransportServer {
  readonly #http: Server;
  readonly #options: WebSocketListenOptions;
  readonly #framings: readonly Framing[];
  readonly #sessions = new Set<WebSocketSession>();
  readonly #accepted = new AsyncQueue<TransportSession>("sessions");
  /** By largest message: hostile clients of the framings with records get no 16 MiB. */
  readonly #upgraders: Readonly<Record<"qmux" | "legacy", WebSocketServer>>;
  readonly #onUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer) =>
    this.#handleUpgrade(request, socket, head);

  constructor(http: Server, options: WebSocketListenOptions) {
    this.#http = http;
    this.#options = options;
    this.#framings = (options.framings ?? DEFAULT_FRAMINGS).filter(
      (framing) => framing !== "webtransport" || options.legacy !== false,
    );
    this.#upgraders = { qmux: upgrader(["qmux-01"]), legacy: upgrader(["webtransport"]) };
    http.on("upgrade", this.#onUpgrade);
  }

  get port(): number {
    const address = this.#http.address() as AddressInfo | null;
    return address?.port ?? 0;
  }

  accept(): Promise<TransportSession | undefined> {
    return this.#accepted.next();
  }

  async close(): Promise<void> {
    this.#http.off("upgrade", this.#onUpgrade);
    this.#accepted.end();
    const gone = [...this.#sessions].map((session) => {
      session.close(SERVER_CLOSED.code, SERVER_CLOSED.reason);
      return session.gone;
    });
    if (this.#options.server === undefined) {
      const closed = new Promise((resolve) => this.#http.close(resolve));
      this.#http.closeAllConnections();
      gone.push(closed.then(() => {}));
    }
    await Promise.all(gone);
  }

  #handleUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const offered = (request.headers["sec-websocket-protocol"] ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
    const { protocols } = this.#options;
    const agreed = selectSubprotocol(offered, { protocols, framings: this.#framings });
    if (agreed === undefined) {
      refuse(socket);
      return;
    }
    const upgraders = this.#upgraders;
    const ws = agreed.framing === "webtransport" ? upgraders.legacy : upgraders.qmux;
    // `ws` asks for the choice only where something is offered.
    chosen.set(request, agreed);
    ws.handleUpgrade(request, socket, head, (webSocket) =>
      this.#start(webSocket, socket, agreed, request.url ?? "/"),
    );
  }

  #start(webSocket: WebSocket, socket: Socket, agreed: Subprotocol, path: string): void {
    const session = new WebSocketSession({
      socket: new NodeSocket(webSocket, socket),
      side: "server",
      ...agreed,
      path,
      limits: { ...DEFAULT_LIMITS, ...this.#options.limits },
      idleTimeoutMs: this.#options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
      keepAliveMs: this.#options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
    });
    this.#sessions.add(session);
    webSocket.once("close", () => this.#sessions.delete(session));
    this.#accepted.push(session);
  }
}

/** The subprotocol chosen for a request under way. */
const chosen = new WeakMap<IncomingMessage, Subprotocol>();

function upgrader(framings: readonly Framing[]): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    ...webSocketSettings(framings),
    handleProtocols: (_offered, request) => {
      const agreed = chosen.get(request);
      return agreed ? formatSubprotocol(agreed) : false;
    },
  });
}

function refuse(socket: Socket): void {
  socket.on("error", () => socket.destroy());
  socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}
