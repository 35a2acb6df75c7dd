import {
  type AuthorizationToken,
  decodeAuthorizationToken,
  MESSAGE_PARAMETER,
  type Parameter,
  SESSION_ERROR,
} from "@moq-bridge/moq-wire/ietf14";
import { peerViolation } from "../errors.js";

/**
 * Authorization tokens of a request (section 9.2.1.1). Our cache holds none,
 * so a token may only be given by value, and then says nothing to us.
 *
 * @throws {MoqError} `peer_violation`; {WireError} for a token that cannot be decoded
 */
export function checkTokens(parameters: readonly Parameter[]): void {
  for (const { type } of tokensOf(parameters)) {
    if (type === "register") {
      const message = "a token is registered where the cache size is 0";
      throw peerViolation(message, SESSION_ERROR.authTokenCacheOverflow);
    }
    checkAlias(type);
  }
}

/** Tokens of a CLIENT_SETUP: one that finds no room in the cache is as good as one by value (section 9.3.1.5). @throws as {@link checkTokens} */
export function checkClientSetupTokens(parameters: readonly Parameter[]): void {
  for (const { type } of tokensOf(parameters)) checkAlias(type);
}

function tokensOf(parameters: readonly Parameter[]): AuthorizationToken[] {
  const tokens: AuthorizationToken[] = [];
  for (const { type, value } of parameters) {
    if (type !== MESSAGE_PARAMETER.authorizationToken || !(value instanceof Uint8Array)) continue;
    tokens.push(decodeAuthorizationToken(value));
  }
  return tokens;
}

function checkAlias(type: AuthorizationToken["type"]): void {
  if (type !== "use_alias" && type !== "delete") return;
  const message = "a token alias was never registered";
  throw peerViolation(message, SESSION_ERROR.unknownAuthTokenAlias);
}
