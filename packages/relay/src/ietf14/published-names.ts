import {
  type ControlMessage,
  type ControlMessageOf,
  SUBSCRIBE_ERROR,
  type TrackNamespace,
} from "@moq-bridge/moq-wire/ietf14";
import type { CancelTimer, Runtime } from "@moq-bridge/runtime";
import type { RelayLog } from "../embedded-relay.js";
import type { RelayPeer } from "./relay-peer.js";
import type { Ietf14Rules, RuleName } from "./rules.js";
import type { NameScope } from "./scope.js";

/** What {@link PublishedNames} needs of its session. */
export interface PublishedNamesOptions {
  readonly peer: RelayPeer;
  readonly runtime: Runtime;
  readonly scope: NameScope;
  readonly rules: Ietf14Rules;
  readonly log: RelayLog;
  send(message: ControlMessage): void;
  count(rule: RuleName): void;
  /** A name is no longer this session's: its tracks end. */
  onReleased(namespace: TrackNamespace): void;
}

/** A DONE whose CANCEL is still to come. */
interface Leaving {
  readonly cancelTimer: CancelTimer;
  /** The request that announced the name again meanwhile. */
  again: number | undefined;
}

/** The names one session announces, by the relay's rules. */
export class PublishedNames {
  readonly #options: PublishedNamesOptions;
  /** Names announced and not withdrawn, also those refused. */
  readonly #known = new Set<string>();
  readonly #leaving = new Map<string, Leaving>();

  constructor(options: PublishedNamesOptions) {
    this.#options = options;
  }

  /** @throws {Error} by the rules this ends the session */
  publish({ requestId, trackNamespace }: ControlMessageOf<"publish_namespace">): void {
    const { rules, count } = this.#options;
    const key = JSON.stringify(trackNamespace);
    if (this.#known.has(key) && rules.secondAnnounceFatal) {
      count("secondAnnounceFatal");
      throw new Error("a second PUBLISH_NAMESPACE for one name");
    }
    if (rules.namesPerSession !== undefined && this.#known.size >= rules.namesPerSession) {
      count("namesPerSession");
      return;
    }
    this.#known.add(key);
    const leaving = this.#leaving.get(key);
    if (leaving && rules.announcedBeforeCancel === "cancelled") {
      count("announcedBeforeCancel");
      leaving.again = requestId;
      return;
    }
    this.#claim(requestId, trackNamespace, leaving !== undefined);
  }

  withdraw(trackNamespace: TrackNamespace): void {
    const { peer, scope, rules, log, runtime, count, onReleased } = this.#options;
    const key = JSON.stringify(trackNamespace);
    if (!this.#known.delete(key)) return;
    if (!scope.release(trackNamespace, peer, rules.duplicatesAccepted)) return;
    log(`withdrawn: ${trackNamespace.join("/")}`);
    onReleased(trackNamespace);
    if (!rules.cancelAfterDone) return;
    count("cancelAfterDone");
    if (rules.cancelDelayMs === 0) {
      this.#cancel(trackNamespace);
      return;
    }
    count("cancelDelayMs");
    const cancelTimer = runtime.setTimer(rules.cancelDelayMs, () => this.#left(trackNamespace));
    this.#leaving.set(key, { cancelTimer, again: undefined });
  }

  /** The session is over. */
  releaseAll(): void {
    const { peer, scope, rules } = this.#options;
    for (const { cancelTimer } of this.#leaving.values()) cancelTimer();
    this.#leaving.clear();
    for (const key of this.#known) {
      scope.release(JSON.parse(key) as TrackNamespace, peer, rules.duplicatesAccepted);
    }
    this.#known.clear();
  }

  #claim(requestId: number, trackNamespace: TrackNamespace, tooSoon: boolean): void {
    const { peer, runtime, scope, rules, log, send, count } = this.#options;
    const claim = scope.claim(trackNamespace, peer, rules.duplicatesAccepted);
    if (claim === "held") {
      count("nameHeld");
      const { code: errorCode, reason: errorReason } = rules.nameHeld;
      log(`refused, as it is held: ${trackNamespace.join("/")}`);
      send({ type: "publish_namespace_error", requestId, errorCode, errorReason });
      return;
    }
    if (claim === "taken_over") count("duplicatesAccepted");
    if (tooSoon && rules.announcedBeforeCancel === "wedged") {
      count("announcedBeforeCancel");
      count("wedgedMs");
      scope.hide(trackNamespace, runtime.now() + rules.wedgedMs);
    }
    log(`published: ${trackNamespace.join("/")}`);
    send({ type: "publish_namespace_ok", requestId });
  }

  /** The time of a CANCEL has come. It names no request: a name announced again is cancelled with the one before. */
  #left(trackNamespace: TrackNamespace): void {
    const key = JSON.stringify(trackNamespace);
    const again = this.#leaving.get(key)?.again;
    this.#leaving.delete(key);
    this.#cancel(trackNamespace);
    if (again === undefined) return;
    this.#options.send({ type: "publish_namespace_ok", requestId: again });
    this.#known.delete(key);
    this.#cancel(trackNamespace);
  }

  #cancel(trackNamespace: TrackNamespace): void {
    const errorCode = SUBSCRIBE_ERROR.internalError;
    const errorReason = "done";
    this.#options.send({
      type: "publish_namespace_cancel",
      trackNamespace,
      errorCode,
      errorReason,
    });
  }
}
