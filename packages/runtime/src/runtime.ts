/** Cancels a timer set with {@link Runtime.setTimer}. Cancelling twice, or after it fired, does nothing. */
export type CancelTimer = () => void;

/** What {@link Runtime.httpGet} sends and how much it accepts. */
export interface HttpGetOptions {
  /** Request headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Time for the whole exchange, body included, in milliseconds. */
  readonly timeoutMs: number;
  /** Largest body accepted, in bytes; a longer one rejects with code `http_too_large`. */
  readonly maxBytes: number;
  /** Ends the request early; it then rejects with code `http_aborted`. */
  readonly signal?: AbortSignal;
}

/** What {@link Runtime.httpPost} sends and how much it accepts. */
export interface HttpPostOptions extends HttpGetOptions {
  /** The request's body; its type is among the headers. */
  readonly body: string;
}

/** An HTTP answer of any status. */
export interface HttpResponse {
  readonly status: number;
  /** Header names are lower-case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The address that answered, after redirects within the same origin. */
  readonly url: string;
}

/**
 * Time, timers, randomness and HTTP, given to everything that needs them, so
 * that a whole bridge runs on a virtual clock in tests.
 */
export interface Runtime {
  /** Milliseconds on a monotonic clock; only differences mean anything. */
  now(): number;
  /** Milliseconds since the Unix epoch, for display and for comparing with dates from outside. */
  wallClock(): number;
  /** Calls `callback` once, `delayMs` from now (0 or more). */
  setTimer(delayMs: number, callback: () => void): CancelTimer;
  /** A number in [0, 1). */
  random(): number;
  /**
   * HTTP GET. Redirects are followed within the origin only.
   *
   * @throws {MoqError} `http_invalid` (an address or header that cannot be sent),
   *   `http_unreachable`, `http_timeout`, `http_too_large`, `http_redirect` or `http_aborted`
   */
  httpGet(url: string, options: HttpGetOptions): Promise<HttpResponse>;
  /** HTTP POST; a redirect is an answer like any other. Throws what `httpGet` throws. */
  httpPost(url: string, options: HttpPostOptions): Promise<HttpResponse>;
}

/** Resolves after `delayMs`, or rejects with the signal's reason when it aborts first. */
export function sleep(runtime: Runtime, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = runtime.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
