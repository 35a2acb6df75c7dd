import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy that can go silent, as a network does when a cable is pulled. */
export interface Cuttable {
  readonly port: number;
  /** From here on nothing passes and nobody is told. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts a {@link Cuttable} towards a port of this machine. */
export async function cuttable(target: number): Promise<Cuttable> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay();
      socket.on("close", () => sockets.delete(socket));
    }
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
