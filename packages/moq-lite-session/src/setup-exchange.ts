import {
  type ClientSetup,
  decodeClientSetup,
  decodeServerSetup,
  encodeClientSetup,
  encodeServerSetup,
  type LiteVersion,
  liteVersionCode,
  liteVersionOfCode,
} from "@moq-bridge/moq-wire/lite";
import { MoqError } from "@moq-bridge/runtime";
import type { BidiStream, TransportSession } from "@moq-bridge/transport";
import { SESSION_CODE } from "./codes.js";
import { violation } from "./errors.js";
import { MessageStream } from "./message-stream.js";

/** The versions a SETUP exchange can settle, most wanted first. */
export const SETUP_VERSIONS: readonly LiteVersion[] = ["lite-02", "lite-01"];

/** A settled version and the stream that goes on carrying SESSION_INFO. */
export interface SetupResult {
  readonly version: LiteVersion;
  readonly stream: BidiStream;
  readonly messages: MessageStream;
}

/**
 * The client's half of the exchange on the first bidirectional stream.
 *
 * @throws {MoqError} `version_unsupported`, `protocol_violation`
 */
export async function offerVersions(
  transport: TransportSession,
  offered: readonly LiteVersion[],
): Promise<SetupResult> {
  const stream = await transport.openBidi();
  const versions = offered.map(liteVersionCode);
  await stream.send.write(encodeClientSetup({ versions, parameters: [] }));
  const messages = new MessageStream(stream.recv);
  const setup = await messages.next(decodeServerSetup);
  if (!setup) {
    throw violation("the server ended the SETUP stream unanswered; it may not speak moq-lite");
  }
  const version = liteVersionOfCode(setup.version);
  if (!version || !offered.includes(version)) {
    throw unsupported(`the server chose version 0x${setup.version.toString(16)}, not offered`);
  }
  return { version, stream, messages };
}

/**
 * The server's half: the first version the client lists that we speak.
 *
 * @throws {MoqError} `version_unsupported`, `protocol_violation`
 */
export async function chooseVersion(
  transport: TransportSession,
  taken: readonly LiteVersion[],
): Promise<SetupResult> {
  const stream = await transport.acceptBidi();
  if (!stream) throw violation("the client left before SETUP");
  const messages = new MessageStream(stream.recv);
  const setup = await messages.next(decodeClientSetup);
  if (!setup) throw violation("the client ended the SETUP stream without a message");
  const version = firstKnown(setup, taken);
  if (!version) throw unsupported("the client offers no version of moq-lite we speak");
  const code = liteVersionCode(version);
  await stream.send.write(encodeServerSetup({ version: code, parameters: [] }));
  return { version, stream, messages };
}

function firstKnown(setup: ClientSetup, taken: readonly LiteVersion[]): LiteVersion | undefined {
  return setup.versions
    .map(liteVersionOfCode)
    .find((version) => version !== undefined && taken.includes(version));
}

function unsupported(message: string): MoqError {
  return new MoqError("version_unsupported", message, {
    scope: "session",
    wireCode: SESSION_CODE.version,
  });
}
