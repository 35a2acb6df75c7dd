import { isLoopback } from "@moq-bridge/transport";
import { inUrl, readAddress, readAdminToken } from "./admin-settings.js";
import type { StatusDocument } from "./status-document.js";

const TIMEOUT_MS = 5_000;

/** Asks a running bridge for its status. @throws {UsageError | Error} one plain line */
export async function fetchStatus(
  address: string,
  tokenFile: string | undefined,
): Promise<StatusDocument> {
  const { host, port } = readAddress("--admin", address);
  const token = tokenFile === undefined ? undefined : readAdminToken(tokenFile);
  // A bridge without a token answers to names of this machine only.
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const url = `http://${inUrl(name)}:${port}/status`;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let response: Response;
  try {
    response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new Error(`no bridge answers at ${address}: start it with --admin ${address}`);
  }
  if (response.status === 401) throw new Error("the admin token is missing or wrong");
  if (!response.ok) {
    const local = isLoopback(inUrl(name)) ? "" : "; ask on the machine itself, or set a token";
    throw new Error(`the bridge answered with status ${response.status}${local}`);
  }
  return (await response.json()) as StatusDocument;
}
