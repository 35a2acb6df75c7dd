import type { Endpoint } from "./endpoint.js";

/** The parts that can be killed and started again. */
export const PARTS = ["relay", "cloudflare", "bridge"] as const;
export type Part = (typeof PARTS)[number];

/** What is between the publishers and viewers of a demo. */
export interface World {
  readonly relayForClients: Endpoint;
  readonly cloudflareForClients: Endpoint;
  /** Lists a stream in the registry as live on Cloudflare, or keeps it there. */
  list(streamId: string): Promise<void>;
  /** Ends a part at once, whatever it is doing. */
  kill(part: Part): Promise<void>;
  /** Starts a part that was killed, where it was. */
  revive(part: Part): Promise<void>;
  stop(): Promise<void>;
}
