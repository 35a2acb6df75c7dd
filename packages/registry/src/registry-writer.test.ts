import { type HttpPostOptions, VirtualRuntime } from "@moq-bridge/runtime";
import { expect, it } from "vitest";
import { RegistryWriter } from "./registry-writer.js";

const { signal } = new AbortController();

function setUp(answer: { status?: number; headers?: Record<string, string>; body?: string }) {
  const asked: { url: string; body: string; headers: Readonly<Record<string, string>> }[] = [];
  const runtime = new VirtualRuntime({
    http: async (url, options) => {
      const { body, headers = {} } = options as HttpPostOptions;
      asked.push({ url, body, headers });
      return {
        status: answer.status ?? 201,
        headers: answer.headers ?? {},
        body: new TextEncoder().encode(answer.body ?? ""),
        url,
      };
    },
  });
  const writer = new RegistryWriter({
    runtime,
    url: "https://registry.test/api/stats/greet?key=1",
    token: async () => "hunter2",
  });
  return { writer, asked };
}

it("claims and ends streams of the relay at the list's neighbours", async () => {
  const { writer, asked } = setUp({ body: '{"lease_seconds":30}' });
  expect(await writer.claim("a/b", signal)).toEqual({ leaseMs: 30_000 });
  await writer.end("a/b", signal);
  expect(asked.map(({ url }) => url)).toEqual([
    "https://registry.test/api/stats/broadcast",
    "https://registry.test/api/stats/broadcast/end",
  ]);
  for (const { body, headers } of asked) {
    expect(JSON.parse(body)).toEqual({ stream_id: "a/b", origin: "earthseed" });
    expect(headers).toMatchObject({ authorization: "Bearer hunter2" });
  }
});

it.each(["", "{}", "<html>", '{"lease_seconds":-1}'])(
  "takes a lease of 60 s from %j",
  async (body) => {
    const { writer } = setUp({ body });
    expect(await writer.claim("a", signal)).toEqual({ leaseMs: 60_000 });
  },
);

it.each([
  [409, "registry_held"],
  [401, "registry_status"],
  [302, "registry_status"],
  [503, "registry_status"],
])("says why it was refused with %i, and nothing of the token", async (status, code) => {
  const { writer } = setUp({ status, headers: { "retry-after": "7" }, body: "hunter2" });
  const error = await writer.claim("a", signal).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code, wireCode: status, retryAfterMs: 7_000 });
  expect(String(error)).not.toContain("hunter2");
});
