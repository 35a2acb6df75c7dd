import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runOptions } from "../flags.js";
import { readPackageFile } from "../package-files.js";
import { configOptions } from "./config-option.js";
import { configSchema } from "./config-schema.js";
import { mergeConfig } from "./merge-config.js";
import { editDistance, nearest } from "./nearest.js";
import { readConfig } from "./read-config.js";

const folder = mkdtempSync(join(tmpdir(), "moq-bridge-config-"));
afterAll(() => rmSync(folder, { recursive: true }));
const OPTIONS = configOptions(runOptions());

function fileWith(content: unknown): string {
  const file = join(folder, "config.json");
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

describe("the schema", () => {
  it("is the one that the package holds", () => {
    const published = JSON.parse(readPackageFile("schema/config.schema.json"));
    expect(
      published,
      "run: moq-bridge config-schema > packages/cli/schema/config.schema.json",
    ).toEqual(configSchema(OPTIONS));
  });

  it("has every flag of run, and no other", () => {
    const { properties } = configSchema(OPTIONS) as { properties: object };
    const flags = runOptions().map((option) => option.attributeName());
    expect(new Set(Object.keys(properties))).toEqual(
      new Set(["$schema", ...flags.filter((flag) => flag !== "config")]),
    );
    expect(properties).toMatchObject({
      allow: { type: "array" },
      direction: { enum: ["both", "to-cloudflare", "to-relay"] },
      insecureWs: { type: "boolean" },
      pollInterval: { type: ["number", "string"] },
      relayUrl: { type: "string" },
    });
  });
});

describe("a file", () => {
  it("like the one in docs/operating.md is accepted", () => {
    const docs = readFileSync(new URL("../../../../docs/operating.md", import.meta.url), "utf8");
    const [, example = ""] = /```json\n([^`]*)```/.exec(docs) ?? [];
    const config = readConfig(fileWith(example), OPTIONS);
    expect(config.get("registryUrl")).toEqual(["https://registry.example.com/api/stats/greet"]);
    expect(config.size).toBe(6);
  });

  it("gives each setting as its flag would", () => {
    const content = {
      $schema: "./config.schema.json",
      relayUrl: "https://relay.example",
      pollInterval: 2.5,
      allow: ["a/*"],
      insecureWs: true,
    };
    expect(Object.fromEntries(readConfig(fileWith(content), OPTIONS))).toEqual({
      relayUrl: "https://relay.example",
      pollInterval: "2.5",
      allow: ["a/*"],
      insecureWs: true,
    });
  });

  it.each([
    [{ relayURL: "x" }, 'there is no setting "relayURL"; the nearest one is "relayUrl"'],
    [{ "relay-url": "x" }, 'there is no setting "relay-url"; the nearest one is "relayUrl"'],
    [{ poll: 5 }, 'there is no setting "poll"'],
    [{ zzzzzz: 5 }, 'there is no setting "zzzzzz"'],
    [{ config: "x" }, 'there is no setting "config"'],
    [{ allow: "a" }, '"allow" must be a list of strings, as in ["…"]'],
    [{ allow: [""] }, '"allow" must be a list of strings, as in ["…"]'],
    [{ insecureWs: "yes" }, '"insecureWs" must be true or false'],
    [{ direction: "up" }, '"direction" must be one of both, to-cloudflare, to-relay'],
    [{ relayToken: 5 }, '"relayToken" must be a string'],
    [{ pollInterval: null }, '"pollInterval" must be a number'],
    [[], "must hold one JSON object"],
    ["{ relayToken: hunter2", "is not JSON"],
    ['{\n  "relayToken": "hunter2",\n}', "is not JSON: line 3, column 1"],
  ])("with %j is refused", (content, message) => {
    const file = fileWith(content);
    const read = () => readConfig(file, OPTIONS);
    expect(read).toThrow(message);
    expect(read).not.toThrow(/hunter2/);
  });

  it("that is not there is refused", () => {
    expect(() => readConfig(join(folder, "none"), OPTIONS)).toThrow("there is no such file");
  });
});

describe("merging", () => {
  const merge = (given: Record<string, unknown>, config: object, environment = {}) =>
    mergeConfig(
      { direction: "both", ...given },
      (key) => key in given,
      new Map(Object.entries(config)),
      environment,
    );

  it("takes the flag before the variable before the file", () => {
    const config = { relayUrl: "file", cloudflareUrl: "file", direction: "to-relay" };
    const environment = { CLOUDFLARE_RELAY_URL: "variable", EARTHSEED_RELAY_URL: " " };
    expect(merge({}, config, environment)).toEqual({ relayUrl: "file", direction: "to-relay" });
    expect(merge({ relayUrl: "flag" }, config, environment)).toEqual({
      relayUrl: "flag",
      direction: "to-relay",
    });
  });

  it("leaves out what says the same as something stronger in another way", () => {
    expect(merge({}, { relayTokenFile: "f" }, { RELAY_TOKEN: "t" })).not.toHaveProperty(
      "relayTokenFile",
    );
    expect(merge({ relayTlsInsecure: true }, { relayTlsCa: "f" })).not.toHaveProperty("relayTlsCa");
    expect(merge({ relayTlsInsecure: true }, { cloudflareTlsCa: "f" })).toHaveProperty(
      "cloudflareTlsCa",
    );
  });
});

describe("nearest", () => {
  it("finds misspelt names and leaves strangers alone", () => {
    expect(nearest("relayTokenfile", ["relayToken", "relayTokenFile"])).toBe("relayTokenFile");
    expect(nearest("xyzxyz", ["relayToken", "allow"])).toBeUndefined();
  });

  it.each([
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["same", "same", 0],
  ])("distance of %j and %j is %d", (one, two, distance) => {
    expect(editDistance(one, two)).toBe(distance);
  });
});
