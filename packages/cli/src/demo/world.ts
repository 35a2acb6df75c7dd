import type { Endpoint } from "./endpoint.js";
import { pause } from "./redial.js";

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

/** A killed part is down for this long, in milliseconds. */
const DOWN_MS = 500;

/** Kills a part and starts it again. */
export async function restart(world: World, part: Part): Promise<void> {
  await world.kill(part);
  await pause(DOWN_MS);
  await world.revive(part);
}
