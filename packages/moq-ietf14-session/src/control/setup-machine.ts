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
import { checkTokens } from "./tokens.js";

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

/**
 * Checks the peer's SETUP.
 *
 * @returns the MAX_REQUEST_ID it grants us
 * @throws {MoqError} `peer_violation`, or `version_mismatch`
 */
export function acceptSetup(setup: ClientSetup | ServerSetup, profile: PeerProfile): bigint {
  const versions =
    setup.type === "client_setup" ? setup.supportedVersions : [setup.selectedVersion];
  if (!versions.includes(DRAFT_14)) {
    const seen = versions.map((version) => `0x${version.toString(16)}`).join(", ");
    const message = `the peer speaks ${seen || "no version"}, not draft-14`;
    throw peerViolation(message, SESSION_ERROR.versionNegotiationFailed);
  }
  const path = bytesParameter(setup.parameters, SETUP_PARAMETER.path);
  if (path !== undefined && (setup.type === "server_setup" || profile.refusesSetupPath)) {
    // Section 9.3.1.2: only for raw QUIC, and never from a server.
    throw peerViolation("SETUP carries a PATH", SESSION_ERROR.invalidPath);
  }
  checkTokens(setup.parameters);
  return numberParameter(setup.parameters, SETUP_PARAMETER.maxRequestId) ?? 0n;
}
