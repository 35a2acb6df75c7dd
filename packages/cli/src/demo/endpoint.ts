import { connectRelay, type TlsTrust, type TransportSession } from "@moq-bridge/transport";

/** Where a relay of the demo is reached, and whom to trust there. */
export interface Endpoint {
  readonly url: string;
  readonly tls: TlsTrust;
}

const CONNECT_TIMEOUT_MS = 5_000;

/** Connects to a relay of the demo. */
export async function dial(
  { url, tls }: Endpoint,
  protocols: readonly string[],
): Promise<TransportSession> {
  const options = { protocols, tls, fallback: false, timeoutMs: CONNECT_TIMEOUT_MS };
  const { session } = await connectRelay(url, options);
  return session;
}
