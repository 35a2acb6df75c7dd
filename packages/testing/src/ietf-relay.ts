import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { EventLog } from "./event-log.js";
import { PeerProcess } from "./peer-process.js";
import { peerExecutable } from "./peers/locate.js";
import { freePort } from "./ports.js";
import type { SceneContext } from "./scene.js";
import { type Deadline, eventually } from "./wait.js";

const READY_MS = 15_000;
/** The relay writes its file a moment after it answered. */
const SETTLE_MS = 5_000;

/** A draft-14 control message that passed through the relay, from any of its sessions. */
export interface IetfControlMessage {
  /** `recv`: the relay received it. */
  readonly direction: "sent" | "recv";
  /** Spec name, for example `PUBLISH_NAMESPACE_DONE`. */
  readonly type: string;
  /** The namespace with `/` between its fields, where the message has one. */
  readonly namespace: string | undefined;
  /** `performance.now()`. */
  readonly at: number;
  /** The whole log line. */
  readonly text: string;
}

/** A real moq-relay-ietf 0.7.19 (Cloudflare's). Keeps its port and certificate from one life to the next. */
export class IetfRelay {
  readonly port: number;
  /** Control messages of all its lives. */
  readonly control = new EventLog<IetfControlMessage>((message) => message.text);
  readonly #context: SceneContext;
  #process: PeerProcess | undefined;
  #lives = 0;

  private constructor(context: SceneContext, port: number) {
    this.#context = context;
    this.port = port;
  }

  static async start(context: SceneContext): Promise<IetfRelay> {
    const relay = new IetfRelay(context, await freePort());
    await relay.start();
    return relay;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}/`;
  }

  get process(): PeerProcess {
    if (this.#process === undefined) throw new Error("moq-relay-ietf is not running");
    return this.#process;
  }

  /** Starts it (again) and resolves when it listens. Each life has a coordinator file of its own. */
  async start(): Promise<void> {
    const { certificate } = this.#context;
    this.#lives += 1;
    const process = await PeerProcess.start({
      name: "moq-relay-ietf",
      command: peerExecutable("moq-relay-ietf"),
      args: [
        ...["--bind", `127.0.0.1:${this.port}`],
        ...["--tls-cert", certificate.files.cert],
        ...["--tls-key", certificate.files.key],
        ...["--tls-root", certificate.files.ca],
        ...["--coordinator-file", this.#coordinatorFile()],
      ],
      env: { RUST_LOG: "info,moq_transport::control=debug,moq_native_ietf::quic=debug" },
      logFile: this.#context.logFile("moq-relay-ietf"),
    });
    this.#process = process;
    process.output.listen(({ text, at }) => {
      const parsed = /control message direction="(sent|recv)" msg_type="([A-Z_]+)"/.exec(text);
      if (parsed === null) return;
      this.control.push({
        direction: parsed[1] as "sent" | "recv",
        type: parsed[2] ?? "",
        namespace: /namespace=\/(\S*)/.exec(text)?.[1],
        at,
        text,
      });
    });
    await process.waitForLine(/listening on/, { timeoutMs: READY_MS });
  }

  /** Waits until exactly these namespaces are published on it. @throws {WaitTimeout} */
  async publishes(...wanted: string[]): Promise<void> {
    let found: string[] | undefined;
    const sorted = [...wanted].sort();
    const same = async () => {
      found = await this.#namespaces();
      return found?.join("\n") === sorted.join("\n");
    };
    await eventually(same, {
      what: `moq-relay-ietf to list [${sorted}]`,
      timeoutMs: SETTLE_MS,
    }).catch((error: Error) => {
      throw new Error(`${error.message}; it lists [${found}]`);
    });
  }

  /** Waits for a control message about a namespace that the relay received. */
  received(
    type: string,
    namespace: string,
    deadline: Omit<Deadline, "what"> & { readonly from?: number },
  ): Promise<IetfControlMessage> {
    return this.control.waitFor(
      (message) =>
        message.direction === "recv" && message.type === type && message.namespace === namespace,
      { ...deadline, what: `${type} for ${namespace} at moq-relay-ietf` },
    );
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.process.kill();
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** The namespaces published on it now, sorted; `undefined` while it is writing them down. */
  async #namespaces(): Promise<string[] | undefined> {
    const text = await readFile(this.#coordinatorFile(), "utf8").catch(() => "");
    return text === "" ? [] : listedIn(text);
  }

  #coordinatorFile(): string {
    return join(this.#context.folder, `coordinator-${this.port}-${this.#lives}.json`);
  }
}

/** The namespaces in a text of its file coordinator, which is written in place: half a text lists nothing. */
export function listedIn(text: string): string[] | undefined {
  let file: { readonly namespaces?: Record<string, Record<string, string>> };
  try {
    file = JSON.parse(text);
  } catch {
    return undefined;
  }
  return Object.values(file.namespaces ?? {})
    .flatMap((scope) => Object.keys(scope))
    .map((name) => name.replace(/^\//, ""))
    .sort();
}
