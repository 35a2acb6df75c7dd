import { MoqError } from "@moq-bridge/runtime";

const HIDDEN = "…";
/** Shorter secrets than this are left alone in texts: replacing them would tear ordinary words. */
const SHORTEST_SECRET = 4;
const LONG_SEGMENT = 20;

/** A URL as it may be shown: no user, no query values, no token-looking path parts, no fragment. */
export function redactUrl(url: string | URL): string {
  const parsed = typeof url === "string" ? parseUrl(url) : url;
  if (!parsed) return "(not a URL)";
  const user = parsed.username || parsed.password ? `${HIDDEN}@` : "";
  const path = parsed.pathname
    .split("/")
    .map((part) => (looksLikeToken(part) ? HIDDEN : part))
    .join("/");
  return `${parsed.protocol}//${user}${parsed.host}${path}${redactedQuery(parsed.search)}`;
}

/** Whether a URL carries what looks like a credential: a user, any query value, or a token in the path. */
export function carriesToken(url: URL): boolean {
  return secretsOf(url).length > 0;
}

/**
 * The error as it may be shown: nothing secret of `url` is left in its message.
 * Where something was, there or in a cause, the causes go too.
 */
export function withoutSecrets(error: MoqError, url: URL): MoqError {
  const secrets = secretsOf(url).filter((secret) => secret.length >= SHORTEST_SECRET);
  const shows = (text: string) => secrets.some((secret) => text.includes(secret));
  if (!messagesOf(error).some(shows)) return error;
  let message = error.message;
  for (const secret of secrets) message = message.replaceAll(secret, HIDDEN);
  return new MoqError(error.code, message, {
    scope: error.scope,
    ...(error.wireCode === undefined ? {} : { wireCode: error.wireCode }),
  });
}

/** The messages of an error and of its causes. */
function messagesOf(error: unknown): string[] {
  if (error === undefined || error === null) return [];
  if (!(error instanceof Error)) return [String(error)];
  const several = error instanceof AggregateError ? error.errors : [];
  return [error.message, ...messagesOf(error.cause), ...several.flatMap(messagesOf)];
}

function parseUrl(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}

/** A JWT, or a long run of letters and digits as only machines write them. */
function looksLikeToken(part: string): boolean {
  if (/^eyJ[\w-]+\.[\w-]+/.test(part)) return true;
  return part.length >= LONG_SEGMENT && /\d/.test(part) && /[a-z]/i.test(part);
}

function redactedQuery(search: string): string {
  if (search.length < 2) return "";
  const shown = search
    .slice(1)
    .split("&")
    .map((pair) => {
      const [name = ""] = pair.split("=", 1);
      return pair.includes("=") && !looksLikeToken(name) ? `${name}=${HIDDEN}` : HIDDEN;
    });
  return `?${shown.join("&")}`;
}

/** Everything secret in a URL, both as written and decoded, longest first. */
function secretsOf(url: URL): string[] {
  const found = [url.username, url.password, ...url.pathname.split("/").filter(looksLikeToken)];
  for (const pair of url.search.slice(1).split("&")) {
    const at = pair.indexOf("=");
    found.push(at < 0 ? pair : pair.slice(at + 1));
  }
  for (const value of url.searchParams.values()) found.push(value);
  const unique = new Set(found.filter((secret) => secret !== ""));
  return [...unique].sort((a, b) => b.length - a.length);
}
