import { expect, test } from "vitest";
import { thrown } from "../test/helpers.js";
import { appendHop, checkHops, instanceId, passedOrigin } from "./hops.js";

const chain = (length: number) => Array.from({ length }, (_, i) => BigInt(i + 1));

test("a chain has at most 32 hops, no known one twice, none out of range", () => {
  expect(checkHops(chain(32))).toHaveLength(32);
  expect(checkHops([0n, 5n, 0n])).toEqual([0n, 5n, 0n]);
  expect(thrown(() => checkHops(chain(33)))).toBe("hops_invalid");
  expect(thrown(() => checkHops([5n, 0n, 5n]))).toBe("hops_invalid");
  expect(thrown(() => checkHops([-1n]))).toBe("hops_invalid");
  expect(thrown(() => checkHops([1n << 62n]))).toBe("hops_invalid");
});

test("appending a hop finds loops and chains that are too long", () => {
  expect(appendHop([1n], 2n)).toEqual([1n, 2n]);
  expect(thrown(() => appendHop([1n, 2n], 1n))).toBe("hops_invalid");
  expect(thrown(() => appendHop(chain(32), 99n))).toBe("hops_invalid");
});

test("unknown hops neither name an instance nor make a loop", () => {
  expect(instanceId([])).toBeUndefined();
  expect(instanceId([0n, 4n])).toBeUndefined();
  expect(instanceId([4n, 0n])).toBe(4n);
  expect(passedOrigin([1n, 4n], 4n)).toBe(true);
  expect(passedOrigin([0n], 0n)).toBe(false);
});
