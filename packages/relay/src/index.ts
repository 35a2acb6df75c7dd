export type { EmbeddedRelay, RelayLog } from "./embedded-relay.js";
export { type SelfSigned, selfSigned } from "./identity.js";
export { Ietf14Relay, type Ietf14RelayOptions } from "./ietf14/ietf14-relay.js";
export {
  CLOUDFLARE_HOSTED,
  CLOUDFLARE_OSS,
  type Evidence,
  type Ietf14Rules,
  PLAIN_RULES,
  RELAY_BEHAVIOURS,
  RULE_EVIDENCE,
  type RuleCounts,
  type RuleName,
  withoutRules,
} from "./ietf14/rules.js";
export { type ListeningRelay, type ListenOptions, listen } from "./listen.js";
export { LiteRelay, type LiteRelayOptions } from "./lite/lite-relay.js";
export { type Claims, parseTokenKey, signToken, type TokenKey } from "./lite/token.js";
