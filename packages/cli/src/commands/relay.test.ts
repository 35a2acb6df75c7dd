import { describe, expect, it } from "vitest";
import { runCli } from "../cli.js";

/** What the command says on stderr, when it is stopped as soon as it listens. */
async function relay(...args: string[]): Promise<string> {
  let text = "";
  let stop = (_signal: string) => {};
  await runCli(
    {
      args: ["relay", ...args, "--listen", "127.0.0.1:0", "--no-quic"],
      environment: {},
      wallClock: () => 0,
      writeOut: () => {},
      writeBytes: () => {},
      input: (async function* () {})(),
      writeError: (more) => {
        text += more;
        if (text.includes("WebSocket:")) stop("SIGTERM");
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

describe("relay --behave", () => {
  it.each(["plain", "cloudflare-oss", "cloudflare-hosted"])("%s runs", async (name) => {
    expect(await relay("--dialect", "draft-14", "--behave", name)).toContain("rules applied: {}");
  });

  it("takes rules away by their names", async () => {
    const args = ["--dialect", "draft-14", "--behave", "cloudflare-oss", "--without"];
    expect(await relay(...args, "renumbersObjects", "onFatalMessage")).toContain("WebSocket:");
    expect(await relay(...args, "nonsense")).toContain("--without is any of grantedRequests");
  });

  it("is for draft-14, and for names there are", async () => {
    expect(await relay("--dialect", "draft-14", "--behave", "x")).toContain("--behave is plain or");
    expect(await relay("--dialect", "draft-14", "--behave", "constructor")).toContain(
      "--behave is plain or",
    );
    expect(await relay("--dialect", "moq-lite", "--behave", "cloudflare-oss")).toContain(
      "--behave is for --dialect draft-14",
    );
    for (const dialect of ["moq-lite", "draft-14"]) {
      expect(await relay("--dialect", dialect, "--without", "nameHeld")).toContain(
        "--without takes rules from --behave; give both",
      );
    }
  });
});
