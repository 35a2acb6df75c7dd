import { type ControlMessage, DRAFT_14, type Parameter } from "@moq-bridge/moq-wire/ietf14";
import { expect, it } from "vitest";
import { cloudflare, type PeerProfile, standard } from "../profile.js";
import { SessionMachine } from "./session-machine.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const path = (text: string): Parameter => ({ type: 1n, value: bytes(text) });
const authority = (text: string): Parameter => ({ type: 5n, value: bytes(text) });

/** The code a SETUP with these parameters closes the session with. */
function closeCode(
  parameters: Parameter[],
  options: { rawQuic?: boolean; side?: "client" | "server"; profile?: PeerProfile } = {},
): number | undefined {
  const { rawQuic = false, side = "server", profile = standard } = options;
  const machine = new SessionMachine({ side, profile, rawQuic, servesPrefixes: false, now: 0 });
  const setup: ControlMessage =
    side === "server"
      ? { type: "client_setup", supportedVersions: [DRAFT_14], parameters }
      : { type: "server_setup", selectedVersion: DRAFT_14, parameters };
  machine.handleMessage(setup, 0);
  return machine.closeError?.wireCode;
}

it("takes PATH and AUTHORITY from a client on raw QUIC only", () => {
  const both = [path("/room?x=1"), authority("relay.example:443")];
  expect(closeCode(both, { rawQuic: true })).toBeUndefined();
  expect(closeCode([path("/room")])).toBe(0x8);
  expect(closeCode([authority("relay.example")])).toBe(0x19);
  expect(closeCode([path("/room")], { side: "client", rawQuic: true })).toBe(0x8);
  expect(closeCode([authority("a")], { side: "client", rawQuic: true })).toBe(0x19);
  expect(closeCode(both, { profile: cloudflare })).toBeUndefined();
});

it.each(["", "/", "?x=1"])("takes %j as a PATH, which may be empty", (text) => {
  expect(closeCode([path(text)], { rawQuic: true })).toBeUndefined();
});

it.each(["room", "/a b", "/\u00e9", "/\n"])("refuses the PATH %j as malformed", (text) => {
  expect(closeCode([path(text)], { rawQuic: true })).toBe(0x9);
});

it.each(["", "a b", "\u00e9"])("refuses the AUTHORITY %j as malformed", (text) => {
  expect(closeCode([authority(text)], { rawQuic: true })).toBe(0x1a);
});
