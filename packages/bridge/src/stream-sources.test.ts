import { type AnswerSource, readMapping } from "@moq-bridge/registry";
import { MoqError, VirtualRuntime } from "@moq-bridge/runtime";
import { expect, it } from "vitest";
import { StreamSources } from "./stream-sources.js";

type Rows = Readonly<Record<string, string>>;

/** Sources over registries that list streams with their start times, or are down. */
function setUp(first: (Rows | undefined)[], streams: readonly string[] = []) {
  const runtime = new VirtualRuntime();
  const lists = [...first];
  const source = (index: number): AnswerSource => ({
    label: `registry ${index}`,
    async get() {
      const list = lists[index];
      if (list === undefined) throw new MoqError("http_unreachable", "down", { scope: "process" });
      const rows = Object.entries(list).map(([name, started]) => ({ name, started }));
      return {
        status: 200,
        headers: {},
        body: new TextEncoder().encode(JSON.stringify(rows)),
        url: "",
      };
    },
  });
  const mapping = readMapping({ list: "", id: "name", origin: null, instance: "started" });
  const lines: string[] = [];
  const say = (line: string) => lines.push(line);
  let shown: Rows = {};
  const sources = new StreamSources({
    runtime,
    log: { debug() {}, info: say, warn: say, error: say },
    registries: lists.map((_, index) => ({
      source: source(index),
      pollIntervalMs: 1_000,
      mapping,
    })),
    streams,
    onRows: (rows) => {
      shown = Object.fromEntries(rows.map((row) => [row.streamId, row.instance ?? ""]));
    },
  });
  sources.start();
  return { runtime, lists, sources, lines, shown: () => shown };
}

it("merges registries and configured streams", async () => {
  const { runtime, shown } = setUp([{ a: "1" }, { b: "2", c: "3" }], ["d", "a"]);
  await runtime.advance(0);
  expect(shown()).toEqual({ a: "", b: "2", c: "3", d: "" });
});

it("keeps configured streams whatever registries say, and shows them at once", async () => {
  const { runtime, shown, lists } = setUp([undefined], ["d"]);
  expect(shown()).toEqual({ d: "" });
  await runtime.advance(60_000);
  lists[0] = { d: "5" };
  await runtime.advance(60_000);
  expect(shown()).toEqual({ d: "" });
});

it("ends a stream when no registry lists it, and keeps one while a registry is down", async () => {
  const { runtime, lists, shown } = setUp([
    { a: "1", b: "1" },
    { a: "1", c: "1" },
  ]);
  await runtime.advance(5_000);
  lists[0] = { b: "1" };
  await runtime.advance(5_000);
  expect(shown()).toEqual({ a: "1", b: "1", c: "1" });
  lists[1] = undefined;
  await runtime.advance(3_600_000);
  expect(shown()).toEqual({ a: "1", b: "1", c: "1" });
  lists[1] = { c: "1" };
  await runtime.advance(31_000);
  expect(shown()).toEqual({ b: "1", c: "1" });
});

it("takes another registry's row of a stream for no restart, but a changed start for one", async () => {
  const { runtime, lists, shown } = setUp([{ x: "0" }, { a: "second", x: "0" }]);
  await runtime.advance(2_000);
  expect(shown()).toMatchObject({ a: "second" });
  lists[0] = { a: "first", x: "0" };
  await runtime.advance(2_000);
  expect(shown()).toMatchObject({ a: "second" });
  lists[1] = { x: "0" };
  await runtime.advance(2_000);
  expect(shown()).toMatchObject({ a: "second" });
  lists[0] = { a: "restarted", x: "0" };
  await runtime.advance(2_000);
  expect(shown()).toMatchObject({ a: "restarted" });
});

it("sees a restart by the registry that listed the stream first, while both list it", async () => {
  const { runtime, lists, shown } = setUp([{ x: "0" }, { a: "second", x: "0" }]);
  await runtime.advance(2_000);
  lists[0] = { a: "first", x: "0" };
  await runtime.advance(2_000);
  lists[1] = { a: "restarted", x: "0" };
  await runtime.advance(2_000);
  expect(shown()).toMatchObject({ a: "restarted" });
});

it("says an outage of each registry once, and polls all of them now", async () => {
  const { runtime, lists, sources, lines, shown } = setUp([undefined, undefined]);
  await runtime.advance(600_000);
  expect(lines).toEqual([
    "registry: registry 0: down; what was known stays",
    "registry: registry 1: down; what was known stays",
  ]);
  lists[0] = { a: "1" };
  lists[1] = { b: "1" };
  const polled = sources.pollNow();
  await polled;
  expect(shown()).toEqual({ a: "1", b: "1" });
  expect(sources.status().map(({ label, live, failures }) => [label, live, failures])).toEqual([
    ["registry 0", 1, 0],
    ["registry 1", 1, 0],
  ]);
  sources.stop();
  expect(runtime.pendingTimers).toBe(0);
});
