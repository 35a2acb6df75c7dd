import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { longVarints } from "../canonical.fixture.js";
import { WireError } from "../wire-error.js";
import { decodeControlMessage, encodeControlMessage } from "./control-message.js";
import { anyParameters, anyToken } from "./messages.fixture.js";
import {
  decodeAuthorizationToken,
  decodeExtensions,
  encodeAuthorizationToken,
  encodeExtensions,
  type Parameter,
} from "./parameters.js";

describe("extension blocks", () => {
  it("decode to what was encoded, and never when cut inside a pair", () => {
    fc.assert(
      fc.property(anyParameters, (list) => {
        const block = encodeExtensions(list);
        expect(longVarints(() => expect(decodeExtensions(block)).toEqual(list))).toEqual([]);
        for (let end = 0; end < block.byteLength; end++) {
          try {
            expect(decodeExtensions(block.subarray(0, end)).length).toBeLessThan(list.length);
          } catch (error) {
            expect(error).toMatchObject({ kind: "malformed", wireCode: 3 });
          }
        }
      }),
    );
  });
});

describe("a pair", () => {
  it("has up to 65,535 bytes, and one more is a violation", () => {
    const pair = (size: number) => [{ type: 9n, value: new Uint8Array(size) }];
    expect(decodeExtensions(encodeExtensions(pair(0xffff)))).toEqual(pair(0xffff));
    expect(() => encodeExtensions(pair(0x10000))).toThrow(
      expect.objectContaining({ kind: "unencodable", field: "extension" }),
    );
    const longer = Uint8Array.of(9, 0x80, 1, 0, 0, ...new Uint8Array(0x10000));
    expect(() => decodeExtensions(longer)).toThrow(
      expect.objectContaining({ kind: "malformed", offset: 1, wireCode: 3 }),
    );
  });

  it.each([
    ["client_setup", 1n, false],
    ["client_setup", 2n, false],
    ["client_setup", 3n, true],
    ["client_setup", 4n, false],
    ["client_setup", 5n, true],
    ["client_setup", 7n, true],
    ["publish_namespace", 2n, false],
    ["publish_namespace", 3n, true],
    ["publish_namespace", 4n, false],
    ["publish_namespace", 8n, true],
  ] as const)("in %s of type %i may come twice: %s", (type, id, may) => {
    const one: Parameter = { type: id, value: id % 2n === 0n ? 1n : new Uint8Array(0) };
    const parameters = [one, { type: 10n, value: 0n }, one];
    const bytes = encodeControlMessage(
      type === "client_setup"
        ? { type, supportedVersions: [], parameters }
        : { type, requestId: 0, trackNamespace: ["a"], parameters },
    );
    if (may) expect(decodeControlMessage(bytes)).toMatchObject({ parameters });
    else {
      expect(() => decodeControlMessage(bytes)).toThrow(
        expect.objectContaining({ kind: "malformed", field: "parameters", wireCode: 3 }),
      );
    }
  });
});

describe("authorization tokens", () => {
  it("decode to what was encoded, and to no other when cut", () => {
    fc.assert(
      fc.property(anyToken, (token) => {
        const bytes = encodeAuthorizationToken(token);
        expect(longVarints(() => expect(decodeAuthorizationToken(bytes)).toEqual(token))).toEqual(
          [],
        );
        // A value runs to the end, so that a shorter one is a whole token, too.
        const value = "value" in token ? token.value.byteLength : 0;
        for (let end = 0; end < bytes.byteLength - value; end++) {
          expect(() => decodeAuthorizationToken(bytes.subarray(0, end))).toThrow(
            expect.objectContaining({ kind: "malformed", wireCode: 6 }),
          );
        }
      }),
    );
  });

  it("have four forms", () => {
    expect(decodeAuthorizationToken(Uint8Array.of(0, 5))).toEqual({ type: "delete", alias: 5n });
    expect(decodeAuthorizationToken(Uint8Array.of(1, 5, 0, 9))).toEqual({
      type: "register",
      alias: 5n,
      tokenType: 0n,
      value: Uint8Array.of(9),
    });
    expect(decodeAuthorizationToken(Uint8Array.of(2, 5))).toEqual({ type: "use_alias", alias: 5n });
    expect(decodeAuthorizationToken(Uint8Array.of(3, 0, 9))).toEqual({
      type: "use_value",
      tokenType: 0n,
      value: Uint8Array.of(9),
    });
  });

  it.each([[[]], [[4]], [[0]], [[1, 5]], [[2, 5, 5]], [[3]]])(
    "%j cannot be decoded: KEY_VALUE_FORMATTING_ERROR",
    (bytes) => {
      try {
        decodeAuthorizationToken(Uint8Array.from(bytes));
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
        expect(error).toMatchObject({ kind: "malformed", wireCode: 6 });
      }
    },
  );
});
