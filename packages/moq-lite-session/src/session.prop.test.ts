import type { LiteVersion } from "@moq-bridge/moq-wire/lite";
import type {
  BroadcastProducer,
  GroupProducer,
  TrackConsumer,
  TrackProducer,
} from "@moq-bridge/origin";
import { settle, VirtualRuntime } from "@moq-bridge/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connectPair, type SessionPair } from "./session.fixture.js";

const PATHS = ["a", "a/b"] as const;

/** One step of a run. */
type Step =
  | {
      readonly type: "announce" | "end" | "finishGroup" | "read" | "leave";
      readonly at: number;
    }
  | { readonly type: "frame"; readonly at: number; readonly size: number }
  | { readonly type: "wait"; readonly ms: number };

const at = fc.integer({ min: 0, max: PATHS.length - 1 });
const plain = (...types: Exclude<Step["type"], "frame" | "wait">[]) =>
  fc.record({ type: fc.constantFrom(...types), at });
const frame = fc.record({
  type: fc.constant("frame" as const),
  at,
  size: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant(70_000)),
});
const wait = fc.record({
  type: fc.constant("wait" as const),
  ms: fc.constantFrom(0, 1, 100, 3_000),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: frame },
  { weight: 4, arbitrary: plain("read") },
  { weight: 4, arbitrary: plain("finishGroup") },
  { weight: 1, arbitrary: plain("announce", "end", "leave") },
  { weight: 1, arbitrary: wait },
);

/** What is published at one path. */
interface Published {
  readonly broadcast: BroadcastProducer;
  readonly track: TrackProducer;
  group: GroupProducer | undefined;
}

/** A run of steps on one side, watched from the other. */
class Run {
  readonly #pair: SessionPair;
  readonly #runtime: VirtualRuntime;
  readonly #published = new Map<number, Published>();
  readonly #readers: { readonly at: number; readonly track: TrackConsumer }[] = [];
  /** Frames written, by group: `path incarnation sequence`, in order. */
  readonly #written = new Map<string, string[]>();
  readonly #incarnations = new Map<string, number>();
  readonly problems: string[] = [];
  /** Groups that arrived whole. */
  groups = 0;
  #frames = 0;

  constructor(pair: SessionPair, runtime: VirtualRuntime) {
    this.#pair = pair;
    this.#runtime = runtime;
  }

  async do(step: Step): Promise<void> {
    if (step.type === "wait") {
      await this.#runtime.advance(step.ms);
      return;
    }
    const published = this.#published.get(step.at);
    switch (step.type) {
      case "announce":
        if (!published) this.#announce(step.at);
        break;
      case "end":
        published?.track.finish();
        published?.broadcast.finish();
        this.#published.delete(step.at);
        break;
      case "frame":
        if (!published) break;
        published.group ??= published.track.appendGroup();
        this.#write(published.group, step.at, step.size);
        break;
      case "finishGroup":
        published?.group?.finish();
        if (published) published.group = undefined;
        break;
      case "read":
        this.#read(step.at);
        break;
      case "leave": {
        const index = this.#readers.findIndex((reader) => reader.at === step.at);
        for (const { track } of index < 0 ? [] : this.#readers.splice(index, 1)) track.close();
      }
    }
  }

  /** What both sides hold announced. */
  announced(): { readonly truth: string[]; readonly seen: string[] } {
    const truth = [...this.#published.keys()].map((at) => PATHS[at] ?? "");
    const { receive } = this.#pair.server;
    const seen = PATHS.filter((path) => receive.broadcast(path));
    return { truth: truth.sort(), seen: [...seen].sort() };
  }

  #announce(at: number): void {
    const path = PATHS[at] ?? "";
    this.#incarnations.set(path, (this.#incarnations.get(path) ?? 0) + 1);
    const broadcast = this.#pair.client.publish.createBroadcast(path);
    this.#published.set(at, { broadcast, track: broadcast.createTrack("t"), group: undefined });
  }

  /** Each frame's first bytes say where it belongs and how long it is. */
  #write(group: GroupProducer, at: number, size: number): void {
    const path = PATHS[at] ?? "";
    const label = `${path} ${this.#incarnations.get(path)} ${group.sequence}`;
    const text = `${label}|${this.#frames++}|`.padEnd(size, "x");
    this.#written.set(label, [...(this.#written.get(label) ?? []), text]);
    group.writeFrame(new TextEncoder().encode(text), this.#frames);
  }

  #read(at: number): void {
    const broadcast = this.#pair.server.receive.broadcast(PATHS[at] ?? "");
    if (!broadcast) return;
    const track = broadcast.subscribe("t");
    this.#readers.push({ at, track });
    void this.#follow(track).catch((error: unknown) => {
      const code = (error as { code?: string }).code ?? "";
      const expected =
        /broadcast_ended|instance_replaced|source_lost|track_not_found|broadcast_not_found/;
      if (!expected.test(code)) this.problems.push(String(error));
    });
  }

  /** What arrives of a group is a beginning of what was written, and all of it when the group ended. */
  async #follow(track: TrackConsumer): Promise<void> {
    for (let last = -1; ; ) {
      const group = await track.nextGroup();
      if (!group) return;
      if (group.sequence <= last) this.problems.push(`${group.sequence} came after ${last}`);
      last = group.sequence;
      void this.#check(group).catch(() => {
        // A group may break off: its track ended or this reader left.
      });
    }
  }

  async #check(group: {
    readonly sequence: number;
    readFrame(): Promise<{ readonly payload: Uint8Array } | undefined>;
  }) {
    const texts: string[] = [];
    let label: string | undefined;
    for (let frame = await group.readFrame(); frame; frame = await group.readFrame()) {
      const text = new TextDecoder().decode(frame.payload);
      label ??= text.slice(0, text.indexOf("|"));
      texts.push(text);
      const written = this.#written.get(label)?.[texts.length - 1];
      if (written !== text) this.problems.push(`${label}: not frame ${texts.length - 1}`);
      if (!label.endsWith(` ${group.sequence}`))
        this.problems.push(`${label} in ${group.sequence}`);
    }
    const whole = label === undefined ? 0 : this.#written.get(label)?.length;
    this.groups++;
    if (texts.length !== whole) this.problems.push(`${label}: ${texts.length} of ${whole} frames`);
  }
}

describe.each<LiteVersion>(["lite-02", "lite-03", "lite-04", "lite-05", "lite-06"])(
  "%s",
  (version) => {
    it("carries what is published, in any order of steps and of arrival", async () => {
      let groups = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 5, maxLength: 60 }),
          fc.integer({ min: 1, max: 1e6 }),
          fc.boolean(),
          async (steps, seed, lost) => {
            const runtime = new VirtualRuntime({ seed });
            const pair = await connectPair(runtime, version, { seed, windowBytes: 20_000 });
            const run = new Run(pair, runtime);
            for (const at of PATHS.keys()) await run.do({ type: "announce", at });
            await settle();
            for (const each of steps) {
              await run.do(each);
              await settle();
            }
            const { truth, seen } = run.announced();
            expect(seen).toEqual(truth);
            if (lost) {
              pair.transport.cut();
              expect(await pair.server.session.closed).toMatchObject({ by: "transport" });
            } else {
              await runtime.advance(20_000);
              pair.client.session.close();
              expect(await pair.server.session.closed).toMatchObject({ by: "peer", code: 0 });
            }
            await settle();
            expect(run.problems).toEqual([]);
            for (const side of [pair.client, pair.server]) {
              expect(side.session.stats()).toMatchObject({
                broadcastsIn: 0,
                broadcastsOut: 0,
                subscriptionsIn: 0,
                subscriptionsOut: 0,
              });
            }
            await runtime.advance(20_000);
            expect(runtime.pendingTimers).toBe(0);
            groups += run.groups;
          },
        ),
        { numRuns: 60 },
      );

      expect(groups).toBeGreaterThan(20);
    });
  },
);
