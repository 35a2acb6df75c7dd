import { describe, expect, it } from "vitest";
import { runCli } from "../cli.js";

/** Runs a command until it ends, or has written `enough`; gives what it wrote to stderr. */
async function run(args: readonly string[], enough?: (text: string) => unknown): Promise<string> {
  let text = "";
  let stop = (_signal: string) => {};
  await runCli(
    {
      args,
      environment: {},
      wallClock: () => 0,
      writeOut: () => {},
      writeBytes: () => {},
      input: (async function* () {})(),
      writeError: (more) => {
        text += more;
        void Promise.resolve(enough?.(text)).then((done) => done && stop("SIGTERM"));
      },
      stopRequested: new Promise((resolve) => {
        stop = resolve;
      }),
      onUncaught: () => {},
    },
    () => {
      throw new Error("no bridge is made");
    },
  );
  return text;
}

const RELAY = ["relay", "--dialect", "moq-lite", "--listen", "127.0.0.1:0", "--no-quic"];

describe("sub", () => {
  it("says that it waits for a broadcast that is not live", async () => {
    let heard: Promise<string> | undefined;
    await run(RELAY, (text) => {
      const [url = ""] = /ws:\/\/\S+/.exec(text) ?? [];
      if (url === "" || heard) return false;
      heard = run(["sub", url, "room/late", "now"], () => true);
      return heard;
    });
    expect(await heard).toBe("moq-bridge: room/late is not live; waiting for it\n");
  });
});
