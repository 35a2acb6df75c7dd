import type { Origin } from "@moq-bridge/origin";
import { type Address, connectCloudflare, connectToRelay } from "./connection.js";

/** Publishes the broadcast `name` of `origin` on one session until it ends; gives why. */
export async function publishOnce(
  address: Address,
  name: string,
  origin: Origin,
  onConnected: (transport: string) => void,
  signal: AbortSignal,
): Promise<string> {
  return address.side === "relay"
    ? publishToRelay(address, origin, onConnected, signal)
    : publishToCloudflare(address, name, origin, onConnected, signal);
}

async function publishToRelay(
  address: Address,
  origin: Origin,
  onConnected: (transport: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const { session, over } = await connectToRelay(address, { publish: origin });
  const stop = () => session.close();
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  onConnected(over);
  const { error } = await session.closed;
  return error?.message ?? "The server ended the session.";
}

async function publishToCloudflare(
  address: Address,
  name: string,
  origin: Origin,
  onConnected: (transport: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const broadcast = origin.broadcast(name);
  if (!broadcast) throw new Error("There is nothing to publish any more.");
  const { session, over } = await connectCloudflare(address);
  const publication = session.publishNamespace(name, broadcast);
  const stop = () => {
    publication.withdraw();
    session.close();
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await publication.accepted;
    onConnected(over);
    const end = await publication.ended;
    if (end.type === "cancelled") return "The server gave the name back.";
    const { error } = await session.closed;
    return error?.message ?? "The server ended the session.";
  } finally {
    session.close();
  }
}
