export {
  type AnnounceAll,
  type AnnounceAllOptions,
  announceAll,
  type NamespaceTarget,
} from "./announce-all.js";
export { acceptIetf14, connectIetf14, IETF14_PROTOCOLS } from "./connect.js";
export type { TrackStatusAnswer } from "./open-requests.js";
export type { PeerNamespace } from "./peer-namespace.js";
export type { NamespacePrefix } from "./prefix.js";
export { cloudflare, moqRelay, type PeerProfile, standard } from "./profile.js";
export type { FindBroadcast, NamespacePublication, PublicationEnd } from "./publication.js";
export { type Ietf14Options, Ietf14Session } from "./session.js";
export type { SessionEnd } from "./session-end.js";
export type { Ietf14Stats } from "./stats.js";
export type { Subscription, SubscriptionEnd } from "./subscription.js";
