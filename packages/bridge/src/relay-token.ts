import { MoqError, type Runtime, sleep } from "@moq-bridge/runtime";
import type { Logger } from "./logger.js";

/** How long before its end a token is replaced, at most, in milliseconds; half of what it has left when that is less. */
const EARLY_MS = 60_000;
/** How often a token that should be replaced is read again, in milliseconds. */
const REREAD_MS = 1_000;
/** Timers of the platform hold less than 25 days. */
const LONGEST_SLEEP_MS = 86_400_000;

/** The relay's token: which one is in use, until when, and when there is a newer one. */
export class RelayToken {
  readonly #runtime: Runtime;
  readonly #log: Logger;
  readonly #read: () => Promise<string | undefined>;
  #inUse: string | undefined;
  #takenAt = 0;

  /** `read` gives the token as it is now. */
  constructor(options: {
    runtime: Runtime;
    log: Logger;
    read: () => Promise<string | undefined>;
  }) {
    this.#runtime = options.runtime;
    this.#log = options.log;
    this.#read = options.read;
  }

  /** Reads the token for a session about to be opened. */
  async take(): Promise<string | undefined> {
    this.#inUse = await this.#read();
    this.#takenAt = this.#runtime.wallClock();
    return this.#inUse;
  }

  /** When the token in use expires, in milliseconds since the Unix epoch; `undefined` when it does not say. */
  get expiresAt(): number | undefined {
    return this.#inUse === undefined ? undefined : tokenExpiry(this.#inUse);
  }

  /** Why there is no session, with what the token has to do with it where that is a reason. */
  explain(error: MoqError): MoqError {
    const { expiresAt } = this;
    if (expiresAt !== undefined && expiresAt <= this.#runtime.wallClock()) {
      const advice = `the token expired at ${isoTime(expiresAt)}, give a new one`;
      return withAdvice("token_expired", error, advice);
    }
    if (!isRefusal(error)) return error;
    const advice =
      this.#inUse === undefined ? "no token was given" : "it may not accept this token";
    return withAdvice(error.code, error, advice);
  }

  /**
   * Resolves when the token in use comes to its end and another one can be
   * read in its place; rejects with the signal's reason.
   */
  async renewed(signal: AbortSignal): Promise<void> {
    const { expiresAt } = this;
    const inUse = this.#inUse;
    if (expiresAt === undefined) return never(signal);
    const early = Math.min(EARLY_MS, Math.max(0, expiresAt - this.#takenAt) / 2);
    await this.#sleepUntil(expiresAt - early, signal);
    for (let told = false; ; ) {
      const token = await this.#readQuietly();
      if (token !== undefined && token !== inUse && !this.#isExpired(token)) return;
      if (!told && this.#runtime.wallClock() >= expiresAt) {
        told = true;
        this.#log.warn(
          `relay: the token expired at ${isoTime(expiresAt)} and there is no new one; the session stays for as long as the relay lets it`,
        );
      }
      await sleep(this.#runtime, REREAD_MS, signal);
    }
  }

  #isExpired(token: string): boolean {
    return (tokenExpiry(token) ?? Number.POSITIVE_INFINITY) <= this.#runtime.wallClock();
  }

  async #readQuietly(): Promise<string | undefined> {
    try {
      return await this.#read();
    } catch (error) {
      this.#log.debug(`relay: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  }

  async #sleepUntil(wallTime: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const left = wallTime - this.#runtime.wallClock();
      if (left <= 0) return;
      await sleep(this.#runtime, Math.min(left, LONGEST_SLEEP_MS), signal);
    }
  }
}

/** When a JWT expires (`exp`), in milliseconds since the Unix epoch; `undefined` for anything else. Nothing is verified. */
export function tokenExpiry(token: string): number | undefined {
  const exp = tokenClaims(token)?.exp;
  return typeof exp === "number" && Number.isFinite(exp) && Math.abs(exp) < 8.64e12
    ? exp * 1000
    : undefined;
}

/** What a JWT claims of expiry and cluster membership; `undefined` for anything else. Nothing is verified. */
export function tokenClaims(
  token: string,
): { readonly exp?: unknown; readonly cluster?: unknown } | undefined {
  const payload = token.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) ?? undefined;
  } catch {
    return undefined;
  }
}

/** The relay answered, and would not have us. moq-relay 0.10.0 says it over QUIC by closing the connection. */
function isRefusal({ code, wireCode, message }: MoqError): boolean {
  if (code === "connect_http") return wireCode === 401 || wireCode === 403;
  if (code === "connect_refused") return message.includes("closed by peer");
  return code === "session_unauthorized";
}

function withAdvice(code: string, error: MoqError, advice: string): MoqError {
  return new MoqError(code, `${error.message}; ${advice}`, { scope: "session", cause: error });
}

function isoTime(ms: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: writes a given time, asks no clock
  return new Date(ms).toISOString();
}

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
