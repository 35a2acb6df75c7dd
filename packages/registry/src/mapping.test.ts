import { readFileSync } from "node:fs";
import { VirtualRuntime } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { httpSource } from "./answer-source.js";
import { checkMapping } from "./check-mapping.js";
import { idOfPath, REFERENCE_MAPPING, readMapping } from "./mapping.js";
import { parseAnswer } from "./parse-answer.js";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const parse = (answer: unknown, mapping: unknown) =>
  parseAnswer(bytes(answer), "application/json", readMapping(mapping));
const live = (answer: unknown, mapping: unknown, origin = "cloudflare") =>
  [...(parse(answer, mapping).byOrigin.get(origin)?.values() ?? [])].map((row) => [
    row.streamId,
    row.instance,
    row.viewerCount,
  ]);

describe("foreign registries", () => {
  /** Each example of docs/registry.md: its title, an answer, a mapping, and what is carried. */
  const examples = readFileSync(new URL("../../../docs/registry.md", import.meta.url), "utf8")
    .split(/^### Example: /m)
    .slice(1)
    .map((section): [string, unknown, unknown, unknown] => {
      const [title = ""] = section.split("\n");
      const blocks = [...section.matchAll(/^```json\n(.*?)^```/gms)].slice(0, 3);
      const [answer, mapping, carried] = blocks.map(([, text = ""]) => JSON.parse(text));
      return [title, answer, mapping, carried];
    });

  it("of three kinds are in the documentation", () => {
    expect(examples.map(([title]) => title)).toEqual([
      "a bare array where everything is on Cloudflare",
      "a nested object with other names",
      "a map keyed by id",
    ]);
  });

  it.each(examples)("%s", (_, answer, mapping, carried) => {
    expect(live(answer, mapping).map(([path]) => path)).toEqual(carried);
    expect(parse(answer, mapping).misfit).toBeUndefined();
  });

  it("give instances, viewers, the relay's streams and unknown origins", () => {
    const [array, nested, map] = examples.map(([, answer, mapping]) => ({ answer, mapping }));
    expect(live(array?.answer, array?.mapping)[0]?.[1]).toBe("1767225600");
    expect(live(nested?.answer, nested?.mapping)).toEqual([["a/b", "x1", 5]]);
    expect(live(nested?.answer, nested?.mapping, "earthseed")).toEqual([["c", "x2", 1]]);
    expect([...parse(nested?.answer, nested?.mapping).skipped]).toEqual([["unknown_origin", 1]]);
    expect(live(map?.answer, map?.mapping, "earthseed")).toEqual([
      ["teams/8/bob", "l2", undefined],
    ]);
  });
});

describe("a mapping", () => {
  it("of nothing is the reference service's", () => {
    expect(readMapping({})).toEqual(REFERENCE_MAPPING);
  });

  it.each<[string, unknown]>([
    ["not an object", []],
    ['there is no setting "stream"', { stream: "a" }],
    ['"list" is not a text', { list: 1 }],
    ['"id" is empty', { id: "" }],
    ['"origin" is not a text', { origin: 1 }],
    ['"cloudflare" is not a list', { cloudflare: "cf" }],
    ['"cloudflare" is not a list', { cloudflare: [null] }],
    ['"instance" is not a field', { instance: [1] }],
    ['"path" needs fields', { path: "live" }],
    ['"path" needs fields', { path: "live/{}" }],
    ['"path" needs fields', { path: "live/{a" }],
    ['"path" needs fields', { path: "{a}/}" }],
  ])("is refused: %s", (message, value) => {
    expect(() => readMapping(value)).toThrow(message);
  });

  it("finds nothing that is inherited", () => {
    const mapping = { list: "", id: "constructor.name", origin: null };
    expect(() => parse([{}], mapping)).toThrow("bad_stream_id");
  });

  it.each<[unknown]>([
    [{ id: null }],
    [{ id: {} }],
    [{ id: 1.5 }],
    [{ id: "" }],
    [{ id: "\ud800" }],
  ])("skips the row %j for its id", (row) => {
    const mapping = { list: "", id: "id", origin: null };
    const answer = parse([row, { id: 7 }], mapping);
    expect([...answer.skipped]).toEqual([["bad_stream_id", 1]]);
    expect(live([row, { id: 7 }], mapping)).toEqual([["7", undefined, undefined]]);
  });

  it("skips a row that lacks a field of its path", () => {
    const mapping = { list: "", id: "id", origin: null, path: "{team}/{id}" };
    expect(live([{ id: "a" }, { id: "b", team: "t" }], mapping)).toEqual([
      ["t/b", undefined, undefined],
    ]);
  });

  it("leaves a name in doubt whose origin is of another kind", () => {
    const mapping = { list: "", id: "id", origin: "cf", cloudflare: [true], relay: [] };
    const answer = parse(
      [
        { id: "a", cf: "yes" },
        { id: "b", cf: true },
      ],
      mapping,
    );
    expect([...answer.doubtful]).toEqual(["a"]);
  });

  it("takes no map for a list unless it uses the keys", () => {
    expect(() => parse({ broadcasts: { a: {} } }, {})).toThrow("not a list");
    expect(live({ broadcasts: { a: {} } }, { id: "$key", origin: null })).toHaveLength(1);
  });
});

describe("the id of a path", () => {
  it.each([
    ["{stream_id}", "a/b", "a/b"],
    ["live/{id}", "live/a", "a"],
    ["live/{id}", "other/a", undefined],
    ["live/{id}", "live/", undefined],
    ["{id}/x", "a/x", "a"],
    ["a{id}a", "a", undefined],
    ["{team}/{id}", "a/b", undefined],
  ])("by %s of %s is %s", (template, path, id) => {
    expect(idOfPath(template, path)).toBe(id);
  });
});

describe("the check at start", () => {
  const check = (answer: unknown, mapping: unknown, status = 200) => {
    const body = typeof answer === "string" ? new TextEncoder().encode(answer) : bytes(answer);
    const runtime = new VirtualRuntime({
      http: async (url) => ({ status, headers: {}, body, url }),
    });
    const source = httpSource({ runtime, url: "http://registry.test/" });
    return checkMapping(source, readMapping(mapping));
  };
  const mapping = { list: "", id: "name", origin: "where" };

  it("quotes the row that does not fit", async () => {
    const row = { title: "lobby", where: "cloudflare" };
    expect(await check([row], mapping)).toEqual({
      type: "misfit",
      reason: `none of the 1 rows fits, the first is ${JSON.stringify(row)} (bad_stream_id)`,
    });
    expect(await check([row, { name: "a", where: "cloudflare" }], mapping)).toEqual({
      type: "fits",
      rows: 2,
      live: 1,
      misfit: `${JSON.stringify(row)} (bad_stream_id)`,
    });
    const long = { title: "x".repeat(1000) };
    expect(JSON.stringify(await check([long], mapping)).length).toBeLessThan(400);
  });

  it("says where the list is missing", async () => {
    expect(await check({ data: [] }, { list: "items" })).toEqual({
      type: "misfit",
      reason: 'answered JSON of another shape: "items" is missing or not a list',
    });
  });

  it("passes an empty list and an outage", async () => {
    expect(await check([], mapping)).toMatchObject({ type: "fits", rows: 0 });
    expect(await check("<html>", mapping)).toMatchObject({ type: "unanswered" });
    expect(await check([], mapping, 500)).toMatchObject({ type: "unanswered" });
  });
});
