import { Cursor } from "@moq-bridge/moq-wire";
import {
  decodeAnnounce,
  decodeAnnounceInit,
  decodeAnnounceOk,
  hasAnnounceInit,
  hasAnnounceOk,
  LITE_VERSIONS,
} from "@moq-bridge/moq-wire/lite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AnnounceReceiver } from "./announce-receiver.js";
import { AnnounceSender, type LiveBroadcast } from "./announce-sender.js";

const SENDER = 1n;
const RECEIVER = 2n;

type Operation =
  | {
      readonly type: "live";
      readonly path: string;
      readonly hops: bigint[];
      readonly instance: number;
    }
  | { readonly type: "ended"; readonly path: string };

const path = fc.constantFrom("p/a", "p/b", "p/c/d");
const hops = fc.uniqueArray(fc.bigInt(1n, 6n), { maxLength: 3 });
const live = fc.record({
  type: fc.constant("live" as const),
  path,
  hops,
  instance: fc.integer({ min: 0, max: 1 }),
});
const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(live, fc.record({ type: fc.constant("ended" as const), path })),
  { maxLength: 30 },
);

describe.each(LITE_VERSIONS)("an announce stream of %s", (version) => {
  it("shows the receiver what is live, whatever happened, and never breaks a rule", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(live, { selector: (each) => each.path }),
        operations,
        (first, later) => {
          const excluded = new Set([RECEIVER]);
          const sender = new AnnounceSender({ version, prefix: "p", originId: SENDER, excluded });
          const receiver = new AnnounceReceiver({
            version,
            prefix: "p",
            originId: RECEIVER,
            maxBroadcasts: 10,
          });
          const truth = new Map<string, LiveBroadcast>(first.map((each) => [each.path, each]));
          sender.handleRequest(first);
          const wire = new Wire(sender, receiver);
          wire.handshake();
          for (const operation of later) {
            if (operation.type === "live") {
              truth.set(operation.path, operation);
              sender.handleLive(operation);
            } else {
              truth.delete(operation.path);
              sender.handleEnded(operation.path);
            }
            wire.carry();
          }
          const expected = [...truth.values()]
            .filter((each) => !each.hops.includes(SENDER) && !each.hops.includes(RECEIVER))
            .map((each) => each.path);
          expect([...wire.live].sort()).toEqual(expected.sort());
          expect(sender.announced).toBe(expected.length);
        },
      ),
    );
  });

  /** The sender's bytes into the receiver. */
  class Wire {
    readonly live = new Set<string>();
    readonly #sender: AnnounceSender;
    readonly #receiver: AnnounceReceiver;
    #cursor = new Cursor(new Uint8Array(0));

    constructor(sender: AnnounceSender, receiver: AnnounceReceiver) {
      this.#sender = sender;
      this.#receiver = receiver;
    }

    handshake(): void {
      this.#cursor = new Cursor(Buffer.concat(this.#sender.poll()));
      if (hasAnnounceOk(version)) {
        const ok = decodeAnnounceOk(version, this.#cursor);
        this.#receiver.handleOk(ok.originId);
      }
      if (hasAnnounceInit(version)) {
        this.#receiver.handleInit(decodeAnnounceInit(version, this.#cursor).suffixes);
      }
      this.#read();
    }

    carry(): void {
      this.#cursor = new Cursor(Buffer.concat(this.#sender.poll()));
      this.#read();
    }

    #read(): void {
      while (this.#cursor.remaining > 0) {
        this.#receiver.handleAnnounce(decodeAnnounce(version, this.#cursor));
      }
      for (let event = this.#receiver.pollEvent(); event; event = this.#receiver.pollEvent()) {
        if (event.type === "active") this.live.add(event.path);
        if (event.type === "ended") expect(this.live.delete(event.path)).toBe(true);
      }
    }
  }
});
