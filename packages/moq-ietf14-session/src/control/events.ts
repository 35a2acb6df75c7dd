import type { Location, SubscriptionFilter, TrackNamespace } from "@moq-bridge/moq-wire/ietf14";
import type { Path } from "@moq-bridge/origin";
import type { MoqError } from "@moq-bridge/runtime";

/** What the control machine tells its driver. `handle` is what the local call returned. */
export type SessionEvent =
  | { readonly type: "ready" }
  | { readonly type: "goaway"; readonly uri: string }
  | {
      readonly type: "subscription_accepted";
      readonly handle: number;
      readonly trackAlias: number;
    }
  | { readonly type: "subscription_refused"; readonly handle: number; readonly error: MoqError }
  | {
      readonly type: "subscription_done";
      readonly handle: number;
      readonly status: number;
      readonly streamCount: bigint;
      readonly reason: string;
    }
  | { readonly type: "publication_accepted"; readonly handle: number }
  | { readonly type: "publication_refused"; readonly handle: number; readonly error: MoqError }
  | {
      readonly type: "publication_cancelled";
      readonly handle: number;
      readonly status: number | undefined;
      readonly reason: string;
    }
  | { readonly type: "publication_withdrawn"; readonly handle: number }
  | { readonly type: "prefix_accepted"; readonly handle: number }
  | { readonly type: "prefix_refused"; readonly handle: number; readonly error: MoqError }
  | {
      readonly type: "status_answered";
      readonly handle: number;
      readonly largestLocation: Location | undefined;
      readonly expires: bigint;
    }
  | { readonly type: "status_refused"; readonly handle: number; readonly error: MoqError }
  | PeerSubscribe
  | {
      readonly type: "peer_update";
      readonly requestId: number;
      readonly forward: boolean;
      readonly start: Location;
      readonly endGroup: number | undefined;
      readonly subscriberPriority: number;
    }
  | { readonly type: "peer_unsubscribe"; readonly requestId: number }
  | {
      readonly type: "peer_track_status";
      readonly requestId: number;
      readonly path: Path;
      readonly track: string;
    }
  | { readonly type: "peer_namespace"; readonly requestId: number; readonly path: Path }
  | { readonly type: "peer_namespace_done"; readonly requestId: number }
  | {
      readonly type: "peer_prefix";
      readonly requestId: number;
      readonly prefix: TrackNamespace;
    }
  | { readonly type: "peer_prefix_done"; readonly requestId: number };

/** The peer wants a track. */
export interface PeerSubscribe {
  readonly type: "peer_subscribe";
  readonly requestId: number;
  readonly path: Path;
  readonly track: string;
  readonly subscriberPriority: number;
  readonly forward: boolean;
  readonly filter: SubscriptionFilter;
}
