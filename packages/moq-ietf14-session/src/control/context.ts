import type { ControlMessage } from "@moq-bridge/moq-wire/ietf14";
import type { PeerProfile } from "../profile.js";
import type { SessionEvent } from "./events.js";
import type { RequestLedger } from "./request-ledger.js";

/** What the machines of one session share. */
export interface ControlContext {
  readonly profile: PeerProfile;
  readonly ledger: RequestLedger;
  /** Queues a control message. */
  send(message: ControlMessage): void;
  /** Queues an event for the driver. */
  emit(event: SessionEvent): void;
  /** A request of ours that was sent has waited its time for an answer. */
  unanswered(requestId: number): void;
  /** Counts a message for something that is over. */
  stray(): void;
}
