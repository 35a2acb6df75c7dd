import type { ControlMessage } from "@moq-bridge/moq-wire/ietf14";
import { MoqError } from "@moq-bridge/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cloudflare, standard } from "../profile.js";
import { APPLICATION_ACTS, type Call, MachinePair } from "./machine-pair.fixture.js";
import { MachinePeer } from "./machine-peer.fixture.js";

/** `npm run soak` makes 100,000 of them, from a seed. */
const { MACHINE_RUNS = "400", MACHINE_SEED } = process.env;
const numRuns = Number(MACHINE_RUNS);
const seed = MACHINE_SEED === undefined ? {} : { seed: Number(MACHINE_SEED) };
const LONG_RUN_MS = 20 * 60_000;

const side = fc.constantFrom("client" as const, "server" as const);
const pick = fc.nat(11);
const applicationCall: fc.Arbitrary<Call> = fc.record({
  side,
  act: fc.constantFrom(...APPLICATION_ACTS),
  pick,
});
const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 300, arbitrary: applicationCall },
  { weight: 100, arbitrary: fc.record({ side, act: fc.constant("deliver" as const), pick }) },
  { weight: 15, arbitrary: fc.record({ side, act: fc.constant("time" as const), pick }) },
  { weight: 1, arbitrary: fc.record({ side, act: fc.constant("lose" as const), pick }) },
);

describe.each([standard, cloudflare])("two control machines, profile $name", (profile) => {
  it(
    "agree on what is live, answer everything and leave nothing, whatever they are told to do",
    () => {
      const grants = profile.obeysRequestLimit ? [2n, 8n, 1000n] : [1000n];
      fc.assert(
        fc.property(
          fc.array(call, { maxLength: 200, size: "max" }),
          fc.constantFrom(...grants),
          (calls, grantedRequests) => {
            const pair = new MachinePair({ ...profile, grantedRequests }, true);
            for (const each of calls) pair.do(each);
            pair.check();
          },
        ),
        { numRuns, ...seed },
      );
    },
    LONG_RUN_MS,
  );

  it("survive any messages in any order: an error with a code, or nothing", () => {
    const requestId = fc.nat(12);
    const trackNamespace = fc.constantFrom(["n0"], ["n1"], ["n0", "x"], [""]);
    const parameters: [] = [];
    const message: fc.Arbitrary<ControlMessage> = fc.oneof(
      fc.record({
        type: fc.constantFrom(
          "publish_namespace_ok",
          "subscribe_namespace_ok",
          "unsubscribe",
          "fetch_cancel",
        ),
        requestId,
      }),
      fc.record({
        type: fc.constantFrom(
          "subscribe_error",
          "publish_namespace_error",
          "subscribe_namespace_error",
          "fetch_error",
        ),
        requestId,
        errorCode: fc.nat(5),
        errorReason: fc.constant(""),
      }),
      fc.record({
        type: fc.constant("publish_namespace"),
        requestId,
        trackNamespace,
        parameters: fc.constant(parameters),
      }),
      fc.record({ type: fc.constant("publish_namespace_done"), trackNamespace }),
      fc.record({
        type: fc.constant("publish_namespace_cancel"),
        trackNamespace,
        errorCode: fc.nat(5),
        errorReason: fc.constant(""),
      }),
      fc.record({
        type: fc.constant("subscribe_ok"),
        requestId,
        trackAlias: fc.nat(3),
        expires: fc.constant(0n),
        groupOrder: fc.constant("ascending"),
        largestLocation: fc.constant(undefined),
        parameters: fc.constant(parameters),
      }),
      fc.record({
        type: fc.constant("publish_done"),
        requestId,
        statusCode: fc.nat(5),
        streamCount: fc.constant(0n),
        errorReason: fc.constant(""),
      }),
      fc.record({ type: fc.constant("max_request_id"), requestId: fc.bigInt(0n, 3000n) }),
      fc.record({ type: fc.constant("goaway"), newSessionUri: fc.constantFrom("", "https://x/") }),
    ) as fc.Arbitrary<ControlMessage>;
    fc.assert(
      fc.property(fc.array(fc.oneof(message, applicationCall), { maxLength: 40 }), (steps) => {
        const peer = new MachinePeer("client", profile);
        peer.machine.handleMessage(
          {
            type: "server_setup",
            selectedVersion: 0xff00000e,
            parameters: [{ type: 2n, value: 9n }],
          },
          0,
        );
        for (const step of steps) {
          if ("act" in step) {
            try {
              peer.act(step.act, step.pick, 0);
            } catch (error) {
              expect(error).toBeInstanceOf(MoqError);
            }
          } else peer.machine.handleMessage(step, 0);
          peer.poll();
        }
        const { closeError, state } = peer.machine;
        expect(state).toBe(closeError ? "closed" : "ready");
        if (closeError) expect([3, 4, 5]).toContain(closeError.wireCode);
      }),
      { numRuns: 1000 },
    );
  });
});
