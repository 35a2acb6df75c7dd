import type { LiteVersion } from "@moq-bridge/moq-wire/lite";
import type { MoqError, Runtime } from "@moq-bridge/runtime";
import type { BidiStream, SendStream, TransportSession } from "@moq-bridge/transport";
import { SESSION_CODE, STREAM_CODE } from "./codes.js";
import type { Counters } from "./counters.js";
import { isSessionClosed, sessionError, subscriptionError } from "./errors.js";
import type { LiteLimits } from "./options.js";
import type { LiteProfile } from "./profile.js";
import { withTimeLimit } from "./time-limit.js";

/** What the parts of one session share. */
export class SessionContext {
  readonly transport: TransportSession;
  readonly version: LiteVersion;
  readonly profile: LiteProfile;
  readonly runtime: Runtime;
  readonly limits: LiteLimits;
  readonly originId: bigint;
  readonly counters: Counters;
  #failure: MoqError | undefined;

  constructor(
    parts: Pick<
      SessionContext,
      "transport" | "version" | "profile" | "runtime" | "limits" | "originId" | "counters"
    >,
  ) {
    this.transport = parts.transport;
    this.version = parts.version;
    this.profile = parts.profile;
    this.runtime = parts.runtime;
    this.limits = parts.limits;
    this.originId = parts.originId;
    this.counters = parts.counters;
  }

  /** Why we ended the session, if we did because of an error. */
  get failure(): MoqError | undefined {
    return this.#failure;
  }

  /** Ends the session because of an error. The first one counts. */
  fail(thrown: unknown): void {
    if (isSessionClosed(thrown) || this.#failure) return;
    const error = sessionError(thrown);
    this.#failure = error;
    const code = error.scope === "session" ? error.wireCode : undefined;
    this.transport.close(code ?? SESSION_CODE.internal, error.message);
  }

  /** Runs a part of the session whose errors end the session. */
  run(part: Promise<void>): void {
    part.catch((error) => this.fail(error));
  }

  /** Opens a stream. @throws {MoqError} `stream_limit` when the peer admits none in time, `session_closed` */
  openBidi(): Promise<BidiStream> {
    return withTimeLimit(this.transport.openBidi(), {
      runtime: this.runtime,
      ms: this.limits.openMs,
      error: () => this.#noStream("bidirectional"),
      late: (stream) => {
        stream.send.reset(STREAM_CODE.cancel);
        stream.recv.stop(STREAM_CODE.cancel);
      },
    });
  }

  /** Opens a stream. @throws {MoqError} `stream_limit` when the peer admits none in time, `session_closed` */
  openUni(): Promise<SendStream> {
    return withTimeLimit(this.transport.openUni(), {
      runtime: this.runtime,
      ms: this.limits.openMs,
      error: () => this.#noStream("unidirectional"),
      late: (stream) => stream.reset(STREAM_CODE.cancel),
    });
  }

  #noStream(kind: string): MoqError {
    const { openMs } = this.limits;
    const message = `the peer admitted no further ${kind} stream within ${openMs} ms`;
    return subscriptionError("stream_limit", message);
  }
}
