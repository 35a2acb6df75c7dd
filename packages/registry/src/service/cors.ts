import { Problem } from "./problem.js";

/** Web origins whose pages may use the registry: `https://app.example`, or `*` for every page. */
export type PageOrigins = readonly string[];

const PREFLIGHT_SECONDS = "600";

/** The headers that let the page that sent this request read the answer; none for other callers. */
export function corsHeaders(request: Request, allowed: PageOrigins): Record<string, string> {
  const origin = request.headers.get("origin");
  const vary = allowed.includes("*") ? {} : { vary: "Origin" };
  if (origin === null || !isAllowed(request, origin, allowed)) return vary;
  return {
    "access-control-allow-origin": allowed.includes("*") ? "*" : origin,
    "access-control-expose-headers": "ETag, Retry-After",
    ...vary,
  };
}

/**
 * Refuses what a page elsewhere sends: a browser shows it no answer, but would
 * have carried out its request.
 *
 * @throws {Problem} `foreign_page`
 */
export function checkPage(request: Request, allowed: PageOrigins): void {
  const origin = request.headers.get("origin");
  if (origin === null || isAllowed(request, origin, allowed)) return;
  throw new Problem("foreign_page", "the page's origin is not in the registry's list");
}

/** The answer to a preflight request (Fetch standard, "CORS-preflight request"). */
export function preflight(methods: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      allow: methods,
      "access-control-allow-methods": methods,
      "access-control-allow-headers": "Authorization, Content-Type, If-None-Match",
      "access-control-max-age": PREFLIGHT_SECONDS,
    },
  });
}

function isAllowed(request: Request, origin: string, allowed: PageOrigins): boolean {
  return (
    allowed.includes("*") || allowed.includes(origin) || origin === new URL(request.url).origin
  );
}
