import {
  acceptLite,
  LITE_PROTOCOLS,
  type LiteSession,
  SESSION_CODE,
} from "@moq-bridge/moq-lite-session";
import { type CombinedOrigin, combine, MemoryBudget, Origin } from "@moq-bridge/origin";
import { type Runtime, toMoqError } from "@moq-bridge/runtime";
import type { TransportSession } from "@moq-bridge/transport";
import type { EmbeddedRelay, RelayLog } from "../embedded-relay.js";
import { type Admission, admit } from "./admission.js";
import { ScopedConsumer, ScopedProducer } from "./scoped-origin.js";
import type { TokenKey } from "./token.js";

/** What a {@link LiteRelay} is made with. */
export interface LiteRelayOptions {
  readonly runtime: Runtime;
  /** Verifies tokens; without it every session is an ordinary one and may do everything. */
  readonly key?: TokenKey;
  readonly log?: RelayLog;
}

/**
 * A moq-lite relay with the cluster model of moq-relay 0.10.0:
 *
 * | session             | is served | what it announces goes to |
 * |---------------------|-----------|---------------------------|
 * | ordinary            | combined  | primary                   |
 * | with claim cluster  | primary   | secondary                 |
 *
 * So a cluster node learns what this relay's own clients publish and nothing
 * that came from another node, and clients see both. Unlike that relay it ends
 * a session when its token expires (code 2), as newer ones do.
 */
export class LiteRelay implements EmbeddedRelay {
  readonly protocols = LITE_PROTOCOLS;
  /** What ordinary sessions announce. */
  readonly primary: Origin;
  /** What cluster nodes announce. */
  readonly secondary: Origin;
  /** Both, as ordinary sessions see it. */
  readonly combined: CombinedOrigin;
  readonly #options: LiteRelayOptions;
  readonly #originId: bigint;
  readonly #sessions = new Set<LiteSession>();

  constructor(options: LiteRelayOptions) {
    const { runtime } = options;
    const budget = new MemoryBudget();
    this.#options = options;
    this.#originId = 1n + BigInt(Math.floor(runtime.random() * Number.MAX_SAFE_INTEGER));
    this.primary = new Origin({ runtime, budget });
    this.secondary = new Origin({ runtime, budget });
    this.combined = combine(this.primary, this.secondary, { runtime, budget });
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  async serve(transport: TransportSession): Promise<void> {
    const { runtime, key, log } = this.#options;
    let admission: Admission;
    let session: LiteSession;
    try {
      admission = await admit(transport.path ?? "/", { key, runtime });
      session = await this.#accept(transport, admission);
    } catch (thrown) {
      const error = toMoqError(thrown, "session_failed", "session");
      transport.close(error.wireCode ?? SESSION_CODE.unauthorized, error.message);
      log?.(`a session was refused: ${error.message}`);
      return;
    }
    this.#sessions.add(session);
    const kind = admission.cluster ? "cluster node" : "session";
    log?.(`${kind} with ${session.version} over ${transport.kind}, root "${admission.root}"`);
    const cancel = this.#endInTime(session, admission);
    const end = await session.closed;
    cancel();
    this.#sessions.delete(session);
    log?.(`${kind} ended${end.error ? `: ${end.error.message}` : ""}`);
  }

  close(): void {
    for (const session of this.#sessions) session.close(SESSION_CODE.none, "the relay ends");
    this.combined.close();
    this.primary.close();
    this.secondary.close();
  }

  #accept(transport: TransportSession, admission: Admission): Promise<LiteSession> {
    const { root, put, get, cluster } = admission;
    const served = cluster ? this.primary : this.combined;
    const filled = cluster ? this.secondary : this.primary;
    return acceptLite(transport, {
      runtime: this.#options.runtime,
      originId: this.#originId,
      publish: new ScopedConsumer(served, { root, prefixes: get }),
      subscribe: new ScopedProducer(filled, { root, prefixes: put }),
    });
  }

  #endInTime(session: LiteSession, { endsAt }: Admission): () => void {
    const { runtime } = this.#options;
    if (endsAt === undefined) return () => {};
    const expire = () => {
      const left = endsAt - runtime.wallClock();
      if (left > 0) cancel = runtime.setTimer(Math.min(left, MAX_TIMER_MS), expire);
      else session.close(SESSION_CODE.unauthorized, "the token has expired");
    };
    let cancel = () => {};
    expire();
    return () => cancel();
  }
}

/** Timers hold no more than 2^31 - 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;
