import { MoqError } from "@moq-bridge/runtime";
import type { EndReason } from "./model.js";

/** The clean end. */
export const FINISHED: EndReason = { type: "finished" };

/** An end by error. */
export function aborted(error: MoqError): EndReason {
  return { type: "aborted", error };
}

/** The error readers see after an end: the producer's, or one of `code` after a clean end. */
export function endError(reason: EndReason, code: string, message: string): MoqError {
  return reason.type === "aborted" ? reason.error : subscriptionError(code, message);
}

/** An error that ends one subscription. */
export function subscriptionError(code: string, message: string): MoqError {
  return new MoqError(code, message, { scope: "subscription" });
}

/** An error that ends one group. */
export function groupError(code: string, message: string): MoqError {
  return new MoqError(code, message, { scope: "stream" });
}

/** The publisher began anew under the same name. */
export function instanceReplaced(): MoqError {
  return subscriptionError("instance_replaced", "another instance of the broadcast took its place");
}
