/** Control messages that may wait to be written; a peer that lets more pile up is not reading. */
export const MAX_QUEUED_MESSAGES = 65_536;
/** Requests that may wait for the peer to raise its limit. */
export const MAX_BLOCKED_REQUESTS = 65_536;
/** Subscriptions one peer may have at once. */
export const MAX_PEER_SUBSCRIPTIONS = 10_000;
/** Namespaces, and prefixes of namespaces, one peer may hold at once. */
export const MAX_PEER_NAMESPACES = 10_000;
/** How long a data stream waits for the SUBSCRIBE_OK that tells its track. */
export const HOLD_MS = 2_000;
/** Bytes of all data streams of a session that wait so. */
export const MAX_HELD_BYTES = 4 * 1024 * 1024;
/** Datagrams of a session, and of one subscription that is not filled yet, that are held so. */
export const MAX_EARLY_DATAGRAMS = 64;
/** How long data that PUBLISH_DONE overtook may still arrive. */
export const DRAIN_MS = 1_000;
/** How long streams that are open at PUBLISH_DONE, on either side, may take to end. */
export const LINGER_MS = 10_000;
/** How long a reader may be stuck more than one group behind before it moves to the newest. */
export const LAG_GRACE_MS = 100;
/** Payload pieces handed to the transport in one write. */
export const MAX_WRITE_PIECES = 64;
/** Bytes handed to the transport in one write, but for one large piece. */
export const MAX_WRITE_BYTES = 64 * 1024;
/** Groups of one subscription that may be sent whole without the peer having taken them. */
export const MAX_UNREAD_GROUPS = 32;
