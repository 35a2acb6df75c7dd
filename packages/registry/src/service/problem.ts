/** Why a request was refused, as a stable word. */
export type ProblemCode = keyof typeof PROBLEMS;

const PROBLEMS = {
  bad_json: [400, "The body is not JSON"],
  bad_query: [400, "The query does not fit"],
  token_missing: [401, "A bearer token is needed"],
  token_invalid: [401, "The bearer token is not accepted"],
  not_permitted: [403, "The token does not permit this stream"],
  foreign_page: [403, "Pages of this web origin may not use the registry"],
  not_found: [404, "There is nothing at this address"],
  method_not_allowed: [405, "The method does not fit the address"],
  stream_held: [409, "Another user holds the stream"],
  too_large: [413, "The body is too large"],
  not_json: [415, "The body must be sent as application/json"],
  bad_field: [422, "A field does not fit"],
  internal: [500, "The registry failed"],
  store_unavailable: [503, "The registry's store failed"],
} as const satisfies Record<string, readonly [number, string]>;

/** A refusal, answered as a problem document (RFC 9457). */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly members: Readonly<Record<string, unknown>>;

  /**
   * @param detail one sentence about this occurrence; holds no secret
   * @param members extension members of the document
   */
  constructor(
    code: ProblemCode,
    detail: string,
    options: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly members?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(detail);
    this.code = code;
    this.headers = options.headers ?? {};
    this.members = options.members ?? {};
  }

  toResponse(): Response {
    const [status, title] = PROBLEMS[this.code];
    const document = {
      type: `urn:moq-bridge:registry:${this.code}`,
      title,
      status,
      detail: this.message,
      ...this.members,
    };
    return new Response(JSON.stringify(document), {
      status,
      headers: {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        ...this.headers,
      },
    });
  }
}
