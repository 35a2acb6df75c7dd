import { fileURLToPath } from "node:url";
import { PeerProcess, type Scene } from "@moq-bridge/testing";

const MAIN = fileURLToPath(new URL("../../../cli/bin/moq-bridge.js", import.meta.url));

/** `moq-bridge demo --web`, built, as a process of its own. */
export class DemoProcess {
  readonly process: PeerProcess;
  /** Where its page is. */
  readonly url: string;

  private constructor(process: PeerProcess, url: string) {
    this.process = process;
    this.url = url;
  }

  static async start(scene: Scene, flags: readonly string[] = []): Promise<DemoProcess> {
    const started = await PeerProcess.start({
      name: "demo",
      command: process.execPath,
      args: [MAIN, "demo", "--web", ...flags],
      logFile: scene.logFile("demo"),
    });
    scene.onEnd(() => started.stop());
    const { text } = await started.waitForLine(/Open it in a browser: http/, { timeoutMs: 20_000 });
    return new DemoProcess(started, text.slice(text.indexOf("http")));
  }
}
