import { MoqError } from "./error.js";
import type { HttpGetOptions, HttpPostOptions, HttpResponse, Runtime } from "./runtime.js";

/**
 * Answers {@link VirtualRuntime.httpGet} and `httpPost`, which has a body. It
 * may take for ever, or too much: the limits are kept around it.
 */
export type HttpHandler = (
  url: string,
  options: HttpGetOptions | HttpPostOptions,
) => Promise<HttpResponse>;

/** Runs `handler` within the limits that {@link Runtime.httpGet} promises, on the runtime's own clock. */
export function answerWithinLimits(
  runtime: Pick<Runtime, "setTimer">,
  handler: HttpHandler,
  url: string,
  options: HttpGetOptions | HttpPostOptions,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const fail = (code: string, message: string) => {
      release();
      reject(new MoqError(code, message, { scope: "process" }));
    };
    const onAbort = () => fail("http_aborted", "the request was given up");
    const cancelTimer = runtime.setTimer(options.timeoutMs, () =>
      fail("http_timeout", `no complete answer within ${options.timeoutMs} ms`),
    );
    const release = () => {
      cancelTimer();
      options.signal?.removeEventListener("abort", onAbort);
    };
    if (options.signal?.aborted) {
      onAbort();
      return;
    }
    options.signal?.addEventListener("abort", onAbort, { once: true });
    handler(url, options).then(
      (response) => {
        if (response.body.byteLength > options.maxBytes) {
          fail("http_too_large", `the answer is longer than ${options.maxBytes} bytes`);
          return;
        }
        release();
        resolve(response);
      },
      (error) => {
        release();
        reject(error);
      },
    );
  });
}
