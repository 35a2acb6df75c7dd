import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createProgram, type Flags } from "../flags.js";
import { readSettings } from "../settings.js";

const folder = mkdtempSync(join(tmpdir(), "moq-bridge-registry-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(value: unknown): string {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}

async function registry(args: readonly string[], environment: Record<string, string> = {}) {
  let flags: Flags | undefined;
  const program = createProgram(async (given) => {
    flags = given;
  });
  const both = ["--relay-url", "https://relay.example", "--cloudflare-url", "https://cdn.example"];
  await program.parseAsync([...both, ...args], { from: "user" });
  if (!flags) throw new Error("run was not called");
  return readSettings(flags, environment).registry;
}

describe("what names streams", () => {
  it("may be several registries, files and configured streams, or one of them", async () => {
    const settings = await registry([
      ...["--registry-url", "https://a.example/x", "--registry-url", "http://b.example/y"],
      ...["--registry-file", "streams.json", "--stream", "a/b", "--stream", "c"],
    ]);
    expect(settings.urls.map(({ url }) => url.href)).toEqual([
      "https://a.example/x",
      "http://b.example/y",
    ]);
    expect(settings.files.map((each) => each.file)).toEqual(["streams.json"]);
    expect(settings.streams).toEqual(["a/b", "c"]);
    expect((await registry(["--stream", "a"])).urls).toEqual([]);
    expect((await registry(["--registry-file", "f"])).urls).toEqual([]);
  });

  it("may be several registries in the variable", async () => {
    const STREAM_REGISTRY_URL = " https://a.example https://b.example ";
    const { urls } = await registry([], { STREAM_REGISTRY_URL });
    expect(urls.map(({ url }) => url.host)).toEqual(["a.example", "b.example"]);
    const { urls: given } = await registry(["--registry-url", "https://c.example"], {
      STREAM_REGISTRY_URL,
    });
    expect(given.map(({ url }) => url.host)).toEqual(["c.example"]);
  });

  it.each(["", "/a", "a//b", "../a", ".a", "internal/x", "a\nb"])(
    "is no stream %j",
    async (path) => {
      await expect(registry(["--stream", path])).rejects.toThrow();
    },
  );

  it("is read with --direction to-cloudflare too, where it tells another bridge's names", async () => {
    const { urls, streams } = await registry([
      ...["--registry-url", "https://x.example", "--stream", "a"],
      ...["--direction", "to-cloudflare"],
    ]);
    expect(urls.map(({ url }) => url.host)).toEqual(["x.example"]);
    expect(streams).toEqual(["a"]);
  });
});

describe("a mapping", () => {
  const url = "https://a.example/x";

  it("is for every registry without one of its own", async () => {
    const all = file({ list: "", origin: null });
    const own = file({ registry: "https://b.example", id: "name", headersFile: "h.txt" });
    const settings = await registry([
      ...["--registry-url", url, "--registry-url", "https://b.example/", "--registry-file", "f"],
      ...["--registry-mapping", all, "--registry-mapping", own],
    ]);
    expect(settings.urls.map((each) => each.mapping?.id)).toEqual(["stream_id", "name"]);
    expect(settings.urls.map((each) => each.mappingFile)).toEqual([all, own]);
    expect(settings.urls.map((each) => each.headersFile)).toEqual([
      undefined,
      join(folder, "h.txt"),
    ]);
    expect(settings.files[0]?.mapping?.origin).toBeNull();
  });

  it.each<[unknown, string]>([
    ["{", "not JSON"],
    [[], "not one JSON object"],
    [{ lists: "" }, 'there is no setting "lists"'],
    [{ registry: 1 }, '"registry" is not a text'],
    [{ headersFile: 1 }, '"headersFile" is not a text'],
    [{ registry: "https://other.example" }, "is for a registry that is not given"],
  ])("is refused: %j", async (value, message) => {
    const path = file(value);
    await expect(registry(["--registry-url", url, "--registry-mapping", path])).rejects.toThrow(
      message,
    );
  });

  it("that is not there is refused", async () => {
    await expect(
      registry(["--registry-url", url, "--registry-mapping", join(folder, "none")]),
    ).rejects.toThrow("there is no such file");
  });
});

describe("writing", () => {
  it("goes to the first registry, or where it is told to", async () => {
    const first = await registry([
      ...["--registry-url", "https://a.example/api/stats/greet"],
      ...["--registry-write-token-file", "t"],
    ]);
    expect(first.write).toMatchObject({ tokenFile: "t", path: undefined });
    expect(first.write?.url.href).toBe("https://a.example/api/stats/greet");
    const told = await registry([
      ...["--stream", "a", "--registry-write-token-file", "t"],
      ...["--registry-write-url", "https://b.example/api/stats/greet"],
    ]);
    expect(told.write?.url.host).toBe("b.example");
  });

  it.each<[string[], string]>([
    [["--registry-write-url", "https://b.example"], "needs --registry-write-token-file"],
    [["--registry-write-token-file", "t"], "needs a --registry-url"],
    [["--registry-write-token-file", "t", "--registry-write-url", "hunter2"], "is not a URL"],
    [
      ["--registry-write-token-file", "t", "--registry-write-url", "http://b.example"],
      "read on the way",
    ],
  ])("is refused with %j", async (args, message) => {
    await expect(registry(["--stream", "a", ...args])).rejects.toThrow(message);
  });

  it("is refused where paths are made of several fields", async () => {
    const mapping = file({ path: "{team}/{stream_id}" });
    await expect(
      registry([
        ...["--registry-url", "https://a.example", "--registry-mapping", mapping],
        ...["--registry-write-token-file", "t"],
      ]),
    ).rejects.toThrow("several fields");
  });
});
