import type { BridgeProcess } from "@moq-bridge/testing";
import type { StatusDocument } from "../src/admin/status-document.js";
import { PATIENCE_MS } from "./fixture.js";

/** The flags of a bridge with an admin server on a free port. */
export const ADMIN_FLAGS = ["--admin", "127.0.0.1:0"];

/** The base URL of a bridge's admin server. */
export async function adminUrl(bridge: BridgeProcess): Promise<string> {
  const { text } = await bridge.process.waitForLine(/admin: listening .*port=\d+/, {
    timeoutMs: PATIENCE_MS,
  });
  return `http://127.0.0.1:${/port=(\d+)/.exec(text)?.[1]}`;
}

/** The bridge's status now. */
export async function statusOf(url: string): Promise<StatusDocument> {
  return (await (await fetch(`${url}/status`)).json()) as StatusDocument;
}
