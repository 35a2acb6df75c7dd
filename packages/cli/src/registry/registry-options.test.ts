import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RegistryPoller, readMapping } from "@moq-bridge/registry";
import { systemRuntime } from "@moq-bridge/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Redactor } from "../redactor.js";
import { fileSource } from "./file-source.js";
import { checkMappings, checkRegistryFiles, registryOptions } from "./registry-options.js";
import type { RegistrySettings } from "./registry-settings.js";

let folder: string;
const cleanups: (() => unknown)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "moq-bridge-registry-"));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await rm(folder, { recursive: true });
});

const list = (...names: string[]) =>
  JSON.stringify({ broadcasts: names.map((name) => ({ stream_id: name, origin: "cloudflare" })) });

describe("a registry in a file", () => {
  function follow(path: string, intervalMs: number) {
    const lists: string[][] = [];
    const errors: string[] = [];
    const poller = new RegistryPoller({
      runtime: systemRuntime,
      source: fileSource(path),
      intervalMs,
      onEntries: (entries) => lists.push(entries.map((entry) => entry.streamId)),
      onError: (error) => errors.push(error.message),
    });
    poller.start();
    cleanups.push(() => poller.stop());
    return { poller, lists, errors };
  }

  it("is read at once, and again when it changes, is replaced or comes back", async () => {
    const path = join(folder, "streams.json");
    await writeFile(path, list("a"));
    // So long that only watching can tell.
    const { lists, errors } = follow(path, 3_600_000);
    await expect.poll(() => lists.at(-1)).toEqual(["a"]);
    await writeFile(path, list("a", "b"));
    await expect.poll(() => lists.at(-1)).toEqual(["a", "b"]);
    await writeFile(`${path}.new`, list("a", "b", "c"));
    await rename(`${path}.new`, path);
    await expect.poll(() => lists.at(-1)).toEqual(["a", "b", "c"]);
    await rm(path);
    await expect.poll(() => errors.at(-1)).toBe(`${path}: there is no such file`);
    expect(lists.at(-1)).toEqual(["a", "b", "c"]);
    await writeFile(path, list("d", "a"));
    await expect.poll(() => lists.at(-1)).toEqual(["a", "d"]);
  });

  it("that is half written ends nothing", async () => {
    const path = join(folder, "streams.json");
    await writeFile(path, list("a"));
    const { lists, errors } = follow(path, 3_600_000);
    await expect.poll(() => lists.at(-1)).toEqual(["a"]);
    await writeFile(path, "");
    await expect.poll(() => errors).toHaveLength(1);
    expect(lists).toEqual([["a"]]);
  });

  it("in a folder that does not exist yet is waited for", async () => {
    const later = join(folder, "later");
    const path = join(later, "streams.json");
    const { poller, lists, errors } = follow(path, 3_600_000);
    await expect.poll(() => errors).toEqual([`${path}: there is no such file`]);
    await mkdir(later);
    await writeFile(path, list("a"));
    await poller.pollNow();
    expect(lists).toEqual([["a"]]);
  });

  it("is not read again while it is the same", async () => {
    const path = join(folder, "streams.json");
    await writeFile(path, list("a"));
    const source = fileSource(path);
    const limits = { timeoutMs: 1000, maxBytes: 1000 };
    const first = await source.get(limits);
    const etag = first.headers["etag"] ?? "";
    const again = await source.get({ ...limits, headers: { "if-none-match": etag } });
    expect(again.status).toBe(304);
    await expect(source.get({ ...limits, maxBytes: 3 })).rejects.toMatchObject({
      code: "registry_file",
    });
  });
});

describe("over HTTP", () => {
  async function serve(body: string) {
    const asked: Record<string, unknown>[] = [];
    const server: Server = createServer((request, response) => {
      asked.push(request.headers);
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return { asked, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`) };
  }

  const settings = (url: URL, mapping: unknown, headersFile?: string): RegistrySettings => ({
    urls: [{ url, mapping: readMapping(mapping), mappingFile: "m.json", headersFile }],
    files: [],
    streams: [],
    pollIntervalMs: 1000,
    write: undefined,
  });

  it("headers come from a file, read each time, and are hidden", async () => {
    const headersFile = join(folder, "headers");
    await writeFile(
      headersFile,
      "# keys\nX-Api-Key: hunter2-hunter2\r\n\nAuthorization: Bearer sesame-sesame\n",
    );
    const { asked, url } = await serve(list());
    const redactor = new Redactor();
    const all = settings(url, {}, headersFile);
    await checkRegistryFiles(all, redactor);
    expect(redactor.redact("hunter2-hunter2 and sesame-sesame")).not.toMatch(/hunter2|sesame/);
    const [registry] = registryOptions(all, redactor).registries ?? [];
    const limits = { timeoutMs: 1000, maxBytes: 1000 };
    await registry?.source.get(limits);
    await writeFile(headersFile, "X-Api-Key: second\n");
    await registry?.source.get(limits);
    expect(asked.map((headers) => [headers["x-api-key"], headers["authorization"]])).toEqual([
      ["hunter2-hunter2", "Bearer sesame-sesame"],
      ["second", undefined],
    ]);
    await writeFile(headersFile, "X-Api-Key hunter2\n");
    const error = await registry?.source.get(limits).catch((thrown: Error) => thrown.message);
    expect(error).toContain('line 1 is not "Name: value"');
    expect(error).not.toContain("hunter2");
    await expect(checkRegistryFiles(all, redactor)).rejects.toThrow("headersFile");
  });

  it("a mapping that fits no row is refused at start, with the row", async () => {
    const { url } = await serve('[{"title":"lobby"}]');
    const lines: string[] = [];
    const log = {
      info: (line: string) => lines.push(line),
      warn: (line: string) => lines.push(line),
    };
    const check = (mapping: unknown) => checkMappings(settings(url, mapping), log, new Redactor());
    await expect(check({ list: "", id: "name", origin: null })).rejects.toThrow(
      `${url.origin} by --registry-mapping m.json: none of the 1 rows fits, the first is {"title":"lobby"} (bad_stream_id)`,
    );
    await check({ list: "", id: "title", origin: null });
    expect(lines).toEqual([
      `${url.origin} by --registry-mapping m.json: 1 rows fit, 1 are live on Cloudflare`,
    ]);
    lines.length = 0;
    await checkMappings(settings(new URL("http://127.0.0.1:1/"), {}), log, new Redactor());
    expect(lines[0]).toContain("not checked");
  });
});
