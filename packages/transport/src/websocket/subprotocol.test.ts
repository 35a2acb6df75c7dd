import { describe, expect, it } from "vitest";
import type { Framing } from "./frame.js";
import {
  formatSubprotocol,
  offeredSubprotocols,
  parseSubprotocol,
  selectSubprotocol,
} from "./subprotocol.js";

const ALL: readonly Framing[] = ["qmux-02", "qmux-01", "qmux-00", "webtransport"];

describe("names", () => {
  it.each([
    ["qmux-01.moq-lite-05", { framing: "qmux-01", protocol: "moq-lite-05" }],
    ["qmux-02.a.b", { framing: "qmux-02", protocol: "a.b" }],
    ["qmux-00", { framing: "qmux-00", protocol: undefined }],
    ["webtransport", { framing: "webtransport", protocol: undefined }],
  ] as const)("%s", (name, subprotocol) => {
    expect(parseSubprotocol(name)).toEqual(subprotocol);
    expect(formatSubprotocol(subprotocol)).toBe(name);
  });

  it.each(["", "moq-lite-05", "qmux-03.moq-lite-05", "qmux-01.", "webtransport.moq-lite-05"])(
    "none of ours: %j",
    (name) => {
      expect(parseSubprotocol(name)).toBeUndefined();
    },
  );
});

describe("a client's offer", () => {
  it("names each protocol in each framing, the legacy framing last", () => {
    expect(offeredSubprotocols({ protocols: ["a", "b"], framings: ALL.toReversed() })).toEqual([
      "qmux-00.a",
      "qmux-01.a",
      "qmux-02.a",
      "qmux-00.b",
      "qmux-01.b",
      "qmux-02.b",
      "webtransport",
    ]);
  });

  it("names the framings alone when there is no protocol", () => {
    const framings = ["qmux-01", "qmux-00"] as const;
    expect(offeredSubprotocols({ protocols: [], framings })).toEqual(["qmux-01", "qmux-00"]);
  });
});

describe("a server's choice", () => {
  const options = { protocols: ["new", "old"], framings: ALL };

  it.each([
    [["qmux-00.old", "qmux-00.new", "qmux-01.old"], "qmux-00.new"],
    [["qmux-00.old", "qmux-01.old", "webtransport"], "qmux-01.old"],
    [["qmux-01.unknown", "qmux-00", "webtransport"], "qmux-00"],
    [["qmux-01.unknown", "webtransport"], "webtransport"],
    [[], "webtransport"],
  ])("of %j is %s", (offered, choice) => {
    const chosen = selectSubprotocol(offered, options);
    expect(chosen && formatSubprotocol(chosen)).toBe(choice);
  });

  it("is nothing when nothing fits", () => {
    expect(selectSubprotocol(["qmux-01.unknown", "new"], options)).toBeUndefined();
    const modern = { ...options, framings: ["qmux-01"] as const };
    expect(selectSubprotocol(["webtransport"], modern)).toBeUndefined();
    expect(selectSubprotocol([], modern)).toBeUndefined();
  });
});
