import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./ports.js";

/** Forwards TCP to one server and counts connections. */
export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  private constructor(port: number, target: number, server: Server) {
    this.port = port;
    this.#server = server;
    server.on("connection", (client) => {
      this.#connections += 1;
      const upstream = connect(target, "127.0.0.1");
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        // Either end may vanish: that is what tests use it for.
        one.on("error", () => other.destroy());
      }
    });
  }

  /** @param target the server's port on 127.0.0.1 */
  static async start(target: number): Promise<TcpProxy> {
    const port = await freePort();
    const server = createServer();
    const proxy = new TcpProxy(port, target, server);
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  /** Connections accepted so far. */
  get connections(): number {
    return this.#connections;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
