import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isLoopback } from "@moq-bridge/transport";

/** Why a request is not answered. */
export interface Denial {
  readonly status: 401 | 403;
  readonly message: string;
}

/**
 * Decides who may ask. With a token: whoever shows it, as a bearer or, for
 * browsers, as the password of basic authorization. Without one, which is for
 * loopback only: whoever asks this machine by a name of this machine, so that
 * no web page reaches it through a name of its own (DNS rebinding).
 */
export function denial(request: IncomingMessage, token: string | undefined): Denial | undefined {
  if (isFromOtherSite(request)) {
    return { status: 403, message: "requests of other sites are refused" };
  }
  if (token === undefined) {
    if (isLoopback(hostNameOf(request))) return undefined;
    return { status: 403, message: "ask by the name localhost or a loopback address" };
  }
  const shown = shownToken(request.headers.authorization);
  if (shown !== undefined && sameText(shown, token)) return undefined;
  return { status: 401, message: "show the admin token" };
}

/** A browser says from where a page asks; it is to be the page of this server or the address bar. */
function isFromOtherSite({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const { origin, host } = headers;
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host);
}

function hostNameOf({ headers }: IncomingMessage): string {
  const text = `http://${headers.host ?? ""}`;
  return URL.canParse(text) ? new URL(text).hostname : "";
}

function shownToken(authorization: string | undefined): string | undefined {
  const [, scheme, value] = /^(bearer|basic)\s+(\S+)\s*$/i.exec(authorization ?? "") ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return value;
  const credentials = Buffer.from(value, "base64").toString("utf8");
  const colon = credentials.indexOf(":");
  return colon < 0 ? undefined : credentials.slice(colon + 1);
}

/** Compares in a time that tells nothing about the texts. */
function sameText(one: string, two: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(two));
}
