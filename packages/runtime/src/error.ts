/** How much is lost with an error: one stream, one track or request, or the whole session. */
export type ErrorScope = "stream" | "subscription" | "session" | "process";

/** What a {@link MoqError} carries beside its message. */
export interface MoqErrorOptions {
  readonly scope: ErrorScope;
  /** The number on the wire, where there is one: a reset, stop, close or request error code. */
  readonly wireCode?: number;
  readonly cause?: unknown;
}

/**
 * Every error of these packages. Match on `code`, a stable string in
 * snake_case; the message is one plain line for people and holds no secret.
 */
export class MoqError extends Error {
  override readonly name: string = "MoqError";
  readonly code: string;
  readonly scope: ErrorScope;
  readonly wireCode: number | undefined;

  constructor(code: string, message: string, options: MoqErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.scope = options.scope;
    this.wireCode = options.wireCode;
  }
}

/** `thrown` as a {@link MoqError}: itself if it is one, else wrapped with the given code and scope. */
export function toMoqError(thrown: unknown, code: string, scope: ErrorScope): MoqError {
  if (thrown instanceof MoqError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new MoqError(code, message, { scope, cause: thrown });
}
