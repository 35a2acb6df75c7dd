import { type HttpResponse, MoqError, type Runtime } from "@moq-bridge/runtime";
import { readRegistryUrl } from "./answer-source.js";
import { readRetryAfter } from "./retry-after.js";

const LIMITS = { timeoutMs: 10_000, maxBytes: 65_536 };
/** A lease that the answer does not tell, in milliseconds. */
const DEFAULT_LEASE_MS = 60_000;
const ORIGIN = "earthseed";

/** What a {@link RegistryWriter} is set up with. */
export interface RegistryWriterOptions {
  readonly runtime: Runtime;
  /** The address that lists what is live; the two that are written to are its neighbours. */
  readonly url: string;
  /** The bearer token, asked for before each request. */
  readonly token: () => Promise<string>;
}

/** A stream that the registry now shows as the relay's. */
export interface Claimed {
  /** Until it has to be claimed again, in milliseconds. */
  readonly leaseMs: number;
}

/** A write that the registry refused, or never answered. */
export class RegistryWriteError extends MoqError {
  /** How long the registry asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, wireCode?: number, retryAfterMs?: number) {
    super(code, message, { scope: "process", ...(wireCode === undefined ? {} : { wireCode }) });
    this.retryAfterMs = retryAfterMs;
  }
}

/** Writes streams of the relay into a registry (the reference service's `POST` calls). */
export class RegistryWriter {
  /** The registry's web origin. */
  readonly label: string;
  readonly #options: RegistryWriterOptions;
  readonly #claimUrl: string;
  readonly #endUrl: string;

  /** @throws {MoqError} `registry_url` */
  constructor(options: RegistryWriterOptions) {
    const { url, label } = readRegistryUrl(options.url);
    this.label = label;
    this.#options = options;
    this.#claimUrl = new URL("broadcast", url).href;
    this.#endUrl = new URL("broadcast/end", url).href;
  }

  /**
   * Shows a stream as live on the relay, or extends its lease.
   *
   * @throws {RegistryWriteError} `registry_held` (somebody else has the name), `registry_status`
   * @throws {MoqError} what `Runtime.httpPost` throws
   */
  async claim(streamId: string, signal: AbortSignal): Promise<Claimed> {
    const answer = await this.#post(this.#claimUrl, streamId, signal);
    return { leaseMs: readLease(answer) ?? DEFAULT_LEASE_MS };
  }

  /** Ends a stream; throws like {@link claim}. */
  async end(streamId: string, signal: AbortSignal): Promise<void> {
    await this.#post(this.#endUrl, streamId, signal);
  }

  async #post(url: string, streamId: string, signal: AbortSignal): Promise<HttpResponse> {
    const { runtime, token } = this.#options;
    const answer = await runtime.httpPost(url, {
      ...LIMITS,
      signal,
      headers: {
        accept: "application/json",
        "content-type": "application/json",
        authorization: `Bearer ${await token()}`,
      },
      body: JSON.stringify({ stream_id: streamId, origin: ORIGIN }),
    });
    if (answer.status >= 200 && answer.status <= 299) return answer;
    const retryAfterMs = readRetryAfter(answer.headers["retry-after"], runtime.wallClock());
    if (answer.status === 409) {
      throw new RegistryWriteError(
        "registry_held",
        "somebody else has the name",
        409,
        retryAfterMs,
      );
    }
    const message = `${this.label}: refused a write with status ${answer.status}`;
    throw new RegistryWriteError("registry_status", message, answer.status, retryAfterMs);
  }
}

function readLease({ body }: HttpResponse): number | undefined {
  try {
    const { lease_seconds: seconds } = JSON.parse(new TextDecoder().decode(body));
    return typeof seconds === "number" && seconds > 0 ? seconds * 1000 : undefined;
  } catch {
    // Another registry's answer: what it wrote counts, the lease is taken as usual.
    return undefined;
  }
}
