import { fileURLToPath } from "node:url";
import { PeerProcess } from "./peer-process.js";
import { peerExecutable } from "./peers/locate.js";
import type { SceneContext } from "./scene.js";
import type { Deadline } from "./wait.js";

const RUN = fileURLToPath(new URL("../node/run-source.mjs", import.meta.url));
const PEER = fileURLToPath(new URL("../node/moq-net-peer.ts", import.meta.url));
const READY_MS = 20_000;

/** A frame that @moq/net read. */
export interface MoqNetFrame {
  readonly group: number;
  /** Position in its group, from 0. */
  readonly index: number;
  readonly text: string;
}

/** What a peer publishes or views. */
export interface MoqNetOptions {
  readonly role: "publish" | "view";
  /** `https:` WebTransport, `ws:` WebSocket. */
  readonly url: string;
  readonly path: string;
  readonly track: string;
}

/** A real client of @moq/net on the second Node.js. */
export class MoqNetPeer {
  readonly process: PeerProcess;

  private constructor(process: PeerProcess) {
    this.process = process;
  }

  /** Resolves when it is connected. */
  static async start(context: SceneContext, options: MoqNetOptions): Promise<MoqNetPeer> {
    const { role, url, path, track } = options;
    const name = `moq-net-${role}`;
    const process = await PeerProcess.start({
      name,
      command: peerExecutable("node"),
      args: [RUN, PEER, role, url, path, track, context.certificate.ca],
      logFile: context.logFile(name),
    });
    await process.waitForLine(/^connected /, { timeoutMs: READY_MS });
    return new MoqNetPeer(process);
  }

  /** What a publisher's frame says. */
  static text(track: string, group: number, index: number): string {
    return `${track} ${group}/${index}`;
  }

  /** The first `count` frames a viewer read. @throws {WaitTimeout} */
  async framesRead(count: number, deadline: Omit<Deadline, "what">): Promise<MoqNetFrame[]> {
    const isFrame = (line: { readonly text: string }) => line.text.startsWith("frame ");
    const what = `${count} frames`;
    const lines = await this.process.output.waitForCount(isFrame, count, { ...deadline, what });
    return lines.map(({ text }) => {
      const [, group = "", index = "", hex = ""] = text.split(" ");
      const payload = Buffer.from(hex, "hex").toString();
      return { group: Number(group), index: Number(index), text: payload };
    });
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}
