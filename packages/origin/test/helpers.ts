import { inNextTurn, MoqError, VirtualRuntime } from "@moq-bridge/runtime";
import {
  type Announcements,
  type GroupConsumer,
  type GroupProducer,
  MemoryBudget,
  Origin,
  type OriginOptions,
  type TrackConsumer,
  type TrackInfo,
  type TrackRequest,
} from "../src/index.js";

export const INFO: TrackInfo = { priority: 128, maxLatencyMs: 5000 };

/** An origin on a virtual clock with a budget to look into. */
export function setup(options: Partial<OriginOptions> = {}) {
  const runtime = new VirtualRuntime();
  const budget = options.budget ?? new MemoryBudget();
  return { runtime, budget, origin: new Origin({ runtime, budget, ...options }) };
}

/** `size` bytes counting up from `from`, in a buffer of their own. */
export function bytes(size: number, from = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (from + i) & 255);
}

/** Writes one group of whole frames. */
export function fillGroup(group: GroupProducer | undefined, ...frames: Uint8Array[]): void {
  if (!group) throw new Error("the group is not wanted");
  for (const frame of frames) group.writeFrame(frame);
  group.finish();
}

/** The frames a reader can get right now, and how it goes on after them. */
export function drain(group: GroupConsumer): {
  frames: number[][];
  after: "waiting" | "end" | string;
} {
  const frames: number[][] = [];
  for (;;) {
    try {
      const piece = group.next();
      if (!piece) return { frames, after: "waiting" };
      if (piece.type === "end") return { frames, after: "end" };
      if (piece.type === "frame") frames.push([]);
      else for (const byte of piece.bytes) frames.at(-1)?.push(byte);
    } catch (error) {
      return { frames, after: codeOf(error) };
    }
  }
}

/** The next group, which there must be. */
export async function take(track: TrackConsumer): Promise<GroupConsumer> {
  const group = await track.nextGroup();
  if (!group) throw new Error("the track ended");
  return group;
}

/** The `code` of what was thrown. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  throw error;
}

/** The code a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => "resolved", codeOf);
}

/** The code `call` throws. */
export function thrown(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return codeOf(error);
  }
  return "nothing thrown";
}

/** A handler that keeps the requests it gets. */
export function collectRequests() {
  const requests: TrackRequest[] = [];
  const onTrack = (request: TrackRequest) => {
    requests.push(request);
  };
  const at = (index: number): TrackRequest => {
    const request = requests[index];
    if (!request) throw new Error(`there are ${requests.length} requests only`);
    return request;
  };
  return { requests, onTrack, at };
}

/** The state of a promise, looked at once everything ready has run. */
export async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = "pending";
  promise.then(
    () => {
      state = "resolved";
    },
    (error) => {
      state = codeOf(error);
    },
  );
  await new Promise<void>(inNextTurn);
  return state;
}

/** What a lost session ends its broadcasts with. */
export const outage = new MoqError("session_lost", "the session was lost", { scope: "session" });

/** What a listener hears right now, in short. */
export function heard(announced: Announcements): string[] {
  const all: string[] = [];
  for (let next = announced.tryNext(); next; next = announced.tryNext()) {
    if (next.type === "active") {
      all.push(`+${next.path} ${next.hops.join(",")}`);
    } else {
      all.push(
        `-${next.path} ${next.reason.type === "finished" ? "finished" : next.reason.error.code}`,
      );
    }
  }
  return all;
}
