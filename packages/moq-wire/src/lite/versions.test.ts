import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cursor } from "../cursor.js";
import { BIDI_STREAM, LITE_VERSIONS, type LiteVersion, UNI_STREAM } from "./index.js";
import { type MessageCase, messageCases } from "./messages.fixture.js";

/** Which versions have which message, and the type of the stream it is on; from moq-relay 0.17.10. */
const MESSAGES: Readonly<Record<string, readonly [since: LiteVersion, until: LiteVersion]>> = {
  CLIENT_SETUP: ["lite-01", "lite-02"],
  SERVER_SETUP: ["lite-01", "lite-02"],
  SESSION_INFO: ["lite-01", "lite-02"],
  SETUP: ["lite-05", "lite-06"],
  ANNOUNCE_REQUEST: ["lite-01", "lite-06"],
  ANNOUNCE_INIT: ["lite-01", "lite-02"],
  ANNOUNCE_OK: ["lite-05", "lite-06"],
  ANNOUNCE: ["lite-01", "lite-06"],
  SUBSCRIBE: ["lite-01", "lite-06"],
  SUBSCRIBE_UPDATE: ["lite-03", "lite-06"],
  "SUBSCRIBE reply": ["lite-01", "lite-06"],
  TRACK: ["lite-05", "lite-06"],
  TRACK_INFO: ["lite-05", "lite-06"],
  FETCH: ["lite-03", "lite-06"],
  PROBE: ["lite-03", "lite-06"],
  GOAWAY: ["lite-04", "lite-06"],
  GROUP: ["lite-01", "lite-06"],
  "frame header": ["lite-01", "lite-06"],
  datagram: ["lite-05", "lite-06"],
};

/** Messages one codec of which is in every version. */
const WITHOUT_VERSION = new Set(["CLIENT_SETUP", "SERVER_SETUP"]);

function has(version: LiteVersion, name: string): boolean {
  const [since, until] = MESSAGES[name] ?? ["lite-06", "lite-01"];
  return version >= since && version <= until;
}

const caseOf = (version: LiteVersion, name: string): MessageCase | undefined =>
  messageCases(version).find((each) => each.name === name);

describe.each(LITE_VERSIONS)("%s", (version) => {
  it("has its messages, and each is under the properties", () => {
    const expected = Object.keys(MESSAGES).filter((name) => has(version, name));
    const tested = messageCases(version).map(({ name }) => name);
    expect(tested.sort()).toEqual(expected.sort());
  });

  const missing = Object.keys(MESSAGES).filter(
    (name) => !has(version, name) && !WITHOUT_VERSION.has(name),
  );
  it.each(missing.length > 0 ? missing : [])("has no %s, in either direction", (name) => {
    const [other = "lite-06"] = LITE_VERSIONS.filter((each) => has(each, name));
    const found = caseOf(other, name);
    if (!found) throw new Error(`${other} has no ${name}`);
    const [value] = fc.sample(found.values, { numRuns: 1, seed: 1 });
    expect(() => found.encodeAs(version, value)).toThrow(
      expect.objectContaining({ kind: "unencodable" }),
    );
    expect(() => found.decodeAs(version, new Cursor(found.encode(value)))).toThrow(
      expect.objectContaining({ kind: "malformed" }),
    );
  });
});

it("stream types have the relay's numbers", () => {
  expect(BIDI_STREAM).toEqual({
    announce: 1,
    subscribe: 2,
    fetch: 3,
    probe: 4,
    goaway: 5,
    track: 6,
  });
  expect(UNI_STREAM).toEqual({ group: 0, setup: 1 });
});
