import {
  bytesParameter,
  type ClientSetup,
  DRAFT_14,
  numberParameter,
  type Parameter,
  SESSION_ERROR,
  SETUP_PARAMETER,
  type ServerSetup,
} from "@moq-bridge/moq-wire/ietf14";
import { peerViolation } from "../errors.js";
import type { PeerProfile } from "../profile.js";
import { checkClientSetupTokens, checkTokens } from "./tokens.js";

const IMPLEMENTATION = new TextEncoder().encode("moq-bridge");

/** Our CLIENT_SETUP. */
export function clientSetup(profile: PeerProfile): ClientSetup {
  return {
    type: "client_setup",
    supportedVersions: [DRAFT_14],
    parameters: setupParameters(profile),
  };
}

/** Our answer to CLIENT_SETUP. */
export function serverSetup(profile: PeerProfile): ServerSetup {
  return {
    type: "server_setup",
    selectedVersion: DRAFT_14,
    parameters: setupParameters(profile),
  };
}

function setupParameters(profile: PeerProfile): Parameter[] {
  return [
    { type: SETUP_PARAMETER.maxRequestId, value: profile.grantedRequests },
    { type: SETUP_PARAMETER.moqtImplementation, value: IMPLEMENTATION },
  ];
}

/** Where a session runs, as far as SETUP is concerned. */
export interface SetupCarrier {
  readonly profile: PeerProfile;
  /** Raw QUIC, which has no URL: there a client says path and authority in SETUP. */
  readonly rawQuic: boolean;
}

/**
 * Checks the peer's SETUP.
 *
 * @returns the MAX_REQUEST_ID it grants us
 * @throws {MoqError} `peer_violation`, or `version_mismatch`
 */
export function acceptSetup(setup: ClientSetup | ServerSetup, carrier: SetupCarrier): bigint {
  const versions =
    setup.type === "client_setup" ? setup.supportedVersions : [setup.selectedVersion];
  if (!versions.includes(DRAFT_14)) {
    const seen = versions.map((version) => `0x${version.toString(16)}`).join(", ");
    const message = `the peer speaks ${seen || "no version"}, not draft-14`;
    throw peerViolation(message, SESSION_ERROR.versionNegotiationFailed);
  }
  checkAddress(setup, carrier);
  if (setup.type === "client_setup") checkClientSetupTokens(setup.parameters);
  else checkTokens(setup.parameters);
  return numberParameter(setup.parameters, SETUP_PARAMETER.maxRequestId) ?? 0n;
}

/** PATH and AUTHORITY: only for raw QUIC, and never from a server (sections 9.3.1.1, 9.3.1.2). */
function checkAddress(setup: ClientSetup | ServerSetup, { profile, rawQuic }: SetupCarrier): void {
  const refused = setup.type === "server_setup" || (!rawQuic && profile.refusesSetupAddress);
  const path = bytesParameter(setup.parameters, SETUP_PARAMETER.path);
  const authority = bytesParameter(setup.parameters, SETUP_PARAMETER.authority);
  if (refused && path !== undefined) {
    throw peerViolation("SETUP carries a PATH", SESSION_ERROR.invalidPath);
  }
  if (refused && authority !== undefined) {
    throw peerViolation("SETUP carries an AUTHORITY", SESSION_ERROR.invalidAuthority);
  }
  if (!rawQuic) return;
  if (path !== undefined && !/^(?:[/?][\x21-\x7e]*)?$/.test(latin1(path))) {
    throw peerViolation("PATH is not a path", SESSION_ERROR.malformedPath);
  }
  if (authority !== undefined && !/^[\x21-\x7e]+$/.test(latin1(authority))) {
    throw peerViolation("AUTHORITY is not an authority", SESSION_ERROR.malformedAuthority);
  }
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
