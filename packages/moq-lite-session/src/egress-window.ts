import type { GroupConsumer } from "@moq-bridge/origin";
import type { CancelTimer } from "@moq-bridge/runtime";
import { STREAM_CODE } from "./codes.js";
import type { SessionContext } from "./context.js";
import type { GroupEgress } from "./group-egress.js";

/** Groups of one subscription that may be under way at once: the newest and the one before. */
const WINDOW = 2;

/** Groups that may wait for a place. */
const MAX_WAITING = 64;

/**
 * The groups of one subscription on their way to the peer. A reader that
 * leaves a group waiting for longer than `behindMs` is too far behind: its
 * oldest stream is reset and it goes on with the newest group.
 */
export class EgressWindow {
  readonly #context: SessionContext;
  readonly #start: (group: GroupConsumer) => GroupEgress;
  readonly #underWay = new Set<GroupEgress>();
  #waiting: { readonly group: GroupConsumer; readonly since: number }[] = [];
  #timer: CancelTimer | undefined;
  #closed = false;
  #whenIdle: (() => void)[] = [];
  readonly #deliveries = new Set<Promise<void>>();

  /** @param start makes the egress of a group, not yet running */
  constructor(context: SessionContext, start: (group: GroupConsumer) => GroupEgress) {
    this.#context = context;
    this.#start = start;
  }

  /** Serves a group: now, or when there is a place. */
  add(group: GroupConsumer): void {
    if (this.#closed) {
      group.close();
      return;
    }
    this.#waiting.push({ group, since: this.#context.runtime.now() });
    if (this.#waiting.length > MAX_WAITING) this.#skipTo(1);
    this.#fill();
  }

  setPriority(priorityOf: (sequence: number) => number): void {
    for (const egress of this.#underWay) egress.setPriority(priorityOf(egress.sequence));
  }

  /** Resolves once every group has arrived, or never will. */
  async delivered(): Promise<void> {
    while (this.#underWay.size > 0 || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    }
    await Promise.all(this.#deliveries);
  }

  /** Gives everything up. */
  close(code: number): void {
    this.#closed = true;
    this.#timer?.();
    for (const { group } of this.#waiting) group.close();
    this.#waiting = [];
    for (const egress of [...this.#underWay]) egress.cancel(code);
    this.#wakeIdle();
  }

  #fill(): void {
    while (this.#underWay.size < WINDOW) {
      const next = this.#waiting.shift();
      if (!next) break;
      this.#begin(next.group);
    }
    this.#timer?.();
    this.#timer = undefined;
    const [oldest] = this.#waiting;
    if (!oldest) return;
    const { runtime, limits } = this.#context;
    const due = oldest.since + limits.behindMs - runtime.now();
    this.#timer = runtime.setTimer(Math.max(0, due), () => this.#behind());
  }

  #begin(group: GroupConsumer): void {
    const egress = this.#start(group);
    this.#underWay.add(egress);
    this.#context.run(
      egress.run().finally(() => {
        this.#underWay.delete(egress);
        this.#trackDelivery(egress);
        this.#fill();
        this.#wakeIdle();
      }),
    );
  }

  #trackDelivery(egress: GroupEgress): void {
    const delivery = egress.delivered().finally(() => this.#deliveries.delete(delivery));
    this.#deliveries.add(delivery);
  }

  #behind(): void {
    const { counters } = this.#context;
    const [oldest] = this.#underWay;
    counters.groupsBehind++;
    this.#skipTo(this.#waiting.length - 1);
    if (!oldest) return;
    this.#underWay.delete(oldest);
    oldest.cancel(STREAM_CODE.tooFarBehind);
    this.#fill();
  }

  /** Drops the first `count` waiting groups. */
  #skipTo(count: number): void {
    for (const { group } of this.#waiting.splice(0, count)) {
      this.#context.counters.groupsSkipped++;
      group.close();
    }
  }

  #wakeIdle(): void {
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }
}
