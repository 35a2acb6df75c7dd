import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ExitCode, runCli } from "../cli.js";

/** A command in this process. */
class Running {
  readonly ended: Promise<ExitCode>;
  out = "";
  error = "";
  stop = (_signal: string) => {};
  #look = () => {};

  constructor(...args: readonly string[]) {
    this.ended = runCli(
      {
        args,
        environment: {},
        wallClock: () => 0,
        writeOut: (text) => {
          this.out += text;
          this.#look();
        },
        writeError: (text) => {
          this.error += text;
          this.#look();
        },
        writeBytes: () => {},
        // An input that says nothing and does not end.
        input: { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) },
        stopRequested: new Promise((resolve) => {
          this.stop = resolve;
        }),
        onUncaught: () => {},
      },
      () => {
        throw new Error("no bridge is made");
      },
    );
  }

  /** Waits until it has written something that matches. */
  wrote(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      this.#look = () => {
        const found = pattern.exec(this.out + this.error);
        if (found) resolve(found);
      };
      this.#look();
      void this.ended.then(() => reject(new Error(`ended without ${pattern}: ${this.error}`)));
    });
  }

  /** Ends it as Ctrl-C does. */
  interrupt(): Promise<ExitCode> {
    this.stop("SIGINT");
    return this.ended;
  }
}

let relay: Running;
let url: string;

beforeEach(async () => {
  relay = new Running(
    ...["relay", "--dialect", "moq-lite", "--listen", "127.0.0.1:0", "--no-quic"],
  );
  [url] = await relay.wrote(/ws:\/\/\S+/);
});

afterEach(() => relay.interrupt());

describe("sub", () => {
  it("says that it waits for a broadcast that is not live", async () => {
    const sub = new Running("sub", url, "room/late", "now");
    await sub.wrote(/\n/);
    expect(sub.error).toBe("moq-bridge: room/late is not live; waiting for it\n");
    expect(await sub.interrupt()).toBe(0);
  });
});

describe("list --follow", () => {
  it("does not say that a broadcast ended when it is itself ended", async () => {
    const pub = new Running("pub", url, "room/clock", "now");
    const list = new Running("list", url, "--follow");
    await list.wrote(/\+ room\/clock\n/);
    expect(await list.interrupt()).toBe(0);
    // The session's end has reached the relay and everything here.
    await relay.wrote(/session ended/);
    expect(list.out).toBe("+ room/clock\n");
    await pub.interrupt();
  });
});

it("each tool says that the relay ended the session, and fails", async () => {
  const pub = new Running("pub", url, "room/clock", "now");
  const list = new Running("list", url, "--follow");
  await list.wrote(/\+ room\/clock\n/);
  const sub = new Running("sub", url, "room/late", "now");
  await sub.wrote(/waiting for it\n/);
  await relay.interrupt();
  for (const tool of [pub, list, sub]) {
    expect(await tool.ended).toBe(1);
    expect(tool.error).toMatch(/moq-bridge: the relay ended the session\n$/);
  }
});
