import { VERSION } from "../flags.js";
import type { AdminOptions } from "./admin-server.js";

/** An admin server that listens. */
export interface RunningAdmin {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts the admin server; it is loaded with its libraries only then.
 *
 * @throws {Error} one line, when the address cannot be used
 */
export async function startAdmin(options: Omit<AdminOptions, "version">): Promise<RunningAdmin> {
  const { AdminServer } = await import("./admin-server.js");
  const server = new AdminServer({ ...options, version: VERSION });
  return { port: await server.start(), stop: () => server.stop() };
}
