import {
  decodeAuthorizationToken,
  MESSAGE_PARAMETER,
  type Parameter,
  SESSION_ERROR,
} from "@moq-bridge/moq-wire/ietf14";
import { peerViolation } from "../errors.js";

/**
 * Authorization tokens (section 9.2.1.1). Our cache holds none, so a token may
 * only be given by value, and then says nothing to us.
 *
 * @throws {MoqError} `peer_violation`; {WireError} for a token that cannot be decoded
 */
export function checkTokens(parameters: readonly Parameter[]): void {
  for (const { type, value } of parameters) {
    if (type !== MESSAGE_PARAMETER.authorizationToken || !(value instanceof Uint8Array)) continue;
    const token = decodeAuthorizationToken(value);
    if (token.type === "use_value") continue;
    if (token.type === "register") {
      const message = "a token is registered where the cache size is 0";
      throw peerViolation(message, SESSION_ERROR.authTokenCacheOverflow);
    }
    const message = "a token alias was never registered";
    throw peerViolation(message, SESSION_ERROR.unknownAuthTokenAlias);
  }
}
