/**
 * How a {@link Ietf14Relay} behaves where draft-14 leaves room or Cloudflare's
 * relay does not follow it. Rules are data: an emulated relay is a set of them.
 */
export interface Ietf14Rules {
  readonly name: string;
  /** MAX_REQUEST_ID in SERVER_SETUP. It is never raised, and more requests are served all the same. */
  readonly grantedRequests: bigint;
  /** PUBLISH_NAMESPACE_ERROR for a name that is held. */
  readonly nameHeld: { readonly code: number; readonly reason: string };
  /** PUBLISH_NAMESPACE_DONE is answered with PUBLISH_NAMESPACE_CANCEL. */
  readonly cancelAfterDone: boolean;
  /** UNSUBSCRIBE is sent to the publisher when the last viewer of a track is gone. */
  readonly unsubscribesUpstream: boolean;
  /** After a message it takes for an error: closes the connection, or ends the control stream and leaves the rest as it is. */
  readonly onFatalMessage: "close" | "zombie";
}

/** As moq-relay-ietf 0.7.19 behaves in all that a well-behaved peer notices. */
export const PLAIN_RULES: Ietf14Rules = {
  name: "plain",
  grantedRequests: 100n,
  nameHeld: { code: 0, reason: "done" },
  cancelAfterDone: true,
  unsubscribesUpstream: false,
  onFatalMessage: "close",
};
