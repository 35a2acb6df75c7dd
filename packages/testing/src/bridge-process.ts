import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Exit, PeerProcess } from "./peer-process.js";
import type { SceneContext } from "./scene.js";

/** Found by its package's name, so that programs bundled elsewhere find it too. */
const MAIN = join(
  dirname(createRequire(import.meta.url).resolve("moq-bridge")),
  "../bin/moq-bridge.js",
);

/** How to run `moq-bridge run`. */
export interface BridgeOptions {
  readonly relayUrl?: string;
  readonly cloudflareUrl?: string;
  /** Without it the bridge carries to Cloudflare only. */
  readonly registryUrl?: string;
  /** In seconds. Default 1. */
  readonly pollInterval?: number;
  /** Default: the scene's authority on both sides. */
  readonly trust?: readonly string[];
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Flags of Node.js itself, for example `--cpu-prof`. */
  readonly nodeFlags?: readonly string[];
  /** Exactly these arguments, instead of any of the above. */
  readonly args?: readonly string[];
  /** For the log file. */
  readonly name?: string;
}

/** `moq-bridge run`, built, as a process of its own. */
export class BridgeProcess {
  readonly process: PeerProcess;

  private constructor(process: PeerProcess) {
    this.process = process;
  }

  static async start(context: SceneContext, options: BridgeOptions): Promise<BridgeProcess> {
    const name = options.name ?? "moq-bridge";
    const process_ = await PeerProcess.start({
      name,
      command: process.execPath,
      args: [
        ...(options.nodeFlags ?? []),
        MAIN,
        ...(options.args ?? runArguments(context, options)),
      ],
      env: { ...CLEAN_ENVIRONMENT, ...options.env },
      logFile: context.logFile(name),
    });
    return new BridgeProcess(process_);
  }

  /** Everything printed so far. */
  get text(): string {
    return this.process.text;
  }

  /** Resident memory in bytes. */
  async residentMemory(): Promise<number> {
    const status = await readFile(`/proc/${this.process.pid}/status`, "utf8");
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(status)?.[1];
    if (kilobytes === undefined) throw new Error("no VmRSS");
    return Number(kilobytes) * 1024;
  }

  /** Processor time used so far, in milliseconds. */
  processorTime(): Promise<number> {
    return this.process.processorTime();
  }

  /** SIGTERM, and waits for the end. */
  stop(): Promise<Exit> {
    return this.process.stop();
  }
}

function runArguments(context: SceneContext, options: BridgeOptions): string[] {
  const { relayUrl, cloudflareUrl, registryUrl } = options;
  const { ca } = context.certificate.files;
  const plain = relayUrl?.startsWith("ws:") === true;
  const trust = [...(plain ? [] : ["--relay-tls-ca", ca]), "--cloudflare-tls-ca", ca];
  return [
    "run",
    ...(relayUrl === undefined ? [] : ["--relay-url", relayUrl]),
    ...(cloudflareUrl === undefined ? [] : ["--cloudflare-url", cloudflareUrl]),
    ...(registryUrl === undefined
      ? ["--direction", "to-cloudflare"]
      : ["--registry-url", registryUrl]),
    ...["--poll-interval", String(options.pollInterval ?? 1)],
    ...(options.trust ?? trust),
    ...(options.flags ?? []),
  ];
}

/** No setting of the machine reaches the bridge under test. */
const CLEAN_ENVIRONMENT = {
  EARTHSEED_RELAY_URL: undefined,
  CLOUDFLARE_RELAY_URL: undefined,
  STREAM_REGISTRY_URL: undefined,
  RELAY_TOKEN: undefined,
  POLL_INTERVAL: undefined,
  DEBUG: undefined,
  NODE_OPTIONS: undefined,
};
