import type { MoqError } from "@moq-bridge/runtime";

/** SUBSCRIBE_ERROR: nobody publishes the name (draft-14, section 9.8). */
const DOES_NOT_EXIST = 4;

/** Whether Cloudflare's answer to a SUBSCRIBE was that nobody publishes the name. Any other failure says nothing of it. */
export function saysNotThere({ code, wireCode }: MoqError): boolean {
  return code === "request_refused" && wireCode === DOES_NOT_EXIST;
}
