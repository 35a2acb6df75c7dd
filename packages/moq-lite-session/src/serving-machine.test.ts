import { Cursor } from "@moq-bridge/moq-wire";
import { decodeSubscribeReply, type LiteVersion } from "@moq-bridge/moq-wire/lite";
import { MoqError } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { STREAM_CODE } from "./codes.js";
import { ServingMachine } from "./serving-machine.js";

const OPTIONS = { priority: 5, ordered: false, maxLatencyMs: 0 };

function replies(version: LiteVersion, machine: ServingMachine): unknown[] {
  const all: unknown[] = [];
  for (let next = machine.pollAction(); next; next = machine.pollAction()) {
    all.push(next.type === "reply" ? decodeSubscribeReply(version, new Cursor(next.bytes)) : next);
  }
  return all;
}

describe("lite-05", () => {
  it("replies START with the first group, and END with one above the newest", () => {
    const machine = new ServingMachine("lite-05", OPTIONS);
    machine.handleAccepted();
    machine.handleGroup(7);
    machine.handleGroup(9);
    machine.handleFinished();
    expect(replies("lite-05", machine)).toEqual([
      { type: "start", group: 7 },
      { type: "end", group: 10 },
      { type: "finish" },
    ]);
  });

  it("ends a track without groups at 0", () => {
    const machine = new ServingMachine("lite-05", OPTIONS);
    machine.handleFinished();
    expect(replies("lite-05", machine)).toEqual([{ type: "end", group: 0 }, { type: "finish" }]);
  });
});

describe("up to lite-04", () => {
  it.each(["lite-02", "lite-04"] as const)(
    "%s replies OK once, and ends with FIN alone",
    (version) => {
      const machine = new ServingMachine(version, OPTIONS);
      machine.handleAccepted();
      machine.handleAccepted();
      machine.handleGroup(1);
      machine.handleFinished();
      const ok = { type: "ok", ...OPTIONS, priority: version === "lite-02" ? 0 : 5 };
      expect(replies(version, machine)).toEqual([ok, { type: "finish" }]);
    },
  );
});

it("resets with the code of the failure", () => {
  for (const [code, wireCode, expected] of [
    ["track_not_found", undefined, STREAM_CODE.notFound],
    ["broadcast_ended", undefined, STREAM_CODE.unroutable],
    ["source_lost", undefined, STREAM_CODE.sessionClosed],
    ["lite_subscription_failed", 77, 77],
    ["request_refused", 404, STREAM_CODE.internal],
  ] as const) {
    const machine = new ServingMachine("lite-05", OPTIONS);
    const options = wireCode === undefined ? {} : { wireCode };
    machine.handleFailed(new MoqError(code, "no", { scope: "subscription", ...options }));
    machine.handleFinished();
    expect(replies("lite-05", machine)).toEqual([{ type: "reset", code: expected }]);
  }
});

it("holds groups beyond the end that was asked for until it is raised", () => {
  const machine = new ServingMachine("lite-05", { ...OPTIONS, endGroup: 3 });
  expect([machine.admits(3), machine.admits(4)]).toEqual([true, false]);
  machine.handleUpdate({ ...OPTIONS, priority: 8 });
  expect(machine.admits(4)).toBe(true);
  expect(replies("lite-05", machine)).toEqual([
    { type: "demand", demand: { priority: 8 } },
    { type: "resume" },
  ]);
});

it("gives up when the peer leaves", () => {
  const machine = new ServingMachine("lite-05", OPTIONS);
  machine.handlePeerEnd();
  machine.handleFinished();
  expect(replies("lite-05", machine)).toEqual([{ type: "cancel" }]);
});

it("starts at the newest group unless a start is given, which lite-06 writes as 0", () => {
  const demand = (version: LiteVersion, startGroup?: number) =>
    new ServingMachine(version, { ...OPTIONS, ...(startGroup === undefined ? {} : { startGroup }) })
      .demand;
  expect(demand("lite-05")).toEqual({ priority: 5 });
  expect(demand("lite-05", 0)).toEqual({ priority: 5, startGroup: 0 });
  expect(demand("lite-06", 0)).toEqual({ priority: 5 });
  expect(demand("lite-06", 9)).toEqual({ priority: 5, startGroup: 9 });
});
