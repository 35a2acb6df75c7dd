import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { serveRegistry } from "@moq-bridge/registry/node";
import { createRegistryService, MemoryStore } from "@moq-bridge/registry/service";
import { signToken } from "@moq-bridge/relay";
import { BridgeProcess, freePort, PeerProcess, type Scene } from "@moq-bridge/testing";
import type { Endpoint } from "../src/demo/endpoint.js";
import type { Part, World } from "../src/demo/world.js";

const MAIN = join(
  dirname(createRequire(import.meta.url).resolve("moq-bridge")),
  "../bin/moq-bridge.js",
);
const READY = { timeoutMs: 20_000 };
const LEASE_MS = 600_000;
const EVERYTHING = { root: "", put: [""], get: [""] };

/** The demo's parts as `moq-bridge` processes of their own, killed with SIGKILL. */
export class ProcessWorld implements World {
  readonly #scene: Scene;
  readonly #key = new Uint8Array(randomBytes(32));
  readonly #store = new MemoryStore();
  readonly #processes: Partial<Record<Part, PeerProcess>> = {};
  readonly #ports: Record<"relay" | "cloudflare", number>;
  #registry: Awaited<ReturnType<typeof serveRegistry>> | undefined;
  #clientToken = "";

  private constructor(scene: Scene, ports: Record<"relay" | "cloudflare", number>) {
    this.#scene = scene;
    this.#ports = ports;
  }

  static async start(scene: Scene): Promise<ProcessWorld> {
    const ports = { relay: await freePort(), cloudflare: await freePort() };
    const world = new ProcessWorld(scene, ports);
    await world.#prepare();
    for (const part of ["relay", "cloudflare", "bridge"] as const) await world.#start(part);
    return world;
  }

  get relayForClients(): Endpoint {
    const url = `wss://127.0.0.1:${this.#ports.relay}/?jwt=${this.#clientToken}`;
    return { url, tls: { ca: this.#scene.certificate.ca } };
  }

  get cloudflareForClients(): Endpoint {
    const url = `https://127.0.0.1:${this.#ports.cloudflare}/`;
    return { url, tls: { ca: this.#scene.certificate.ca } };
  }

  async list(streamId: string): Promise<void> {
    const now = Date.now();
    const leaseEndsAt = now + LEASE_MS;
    await this.#store.claim({ streamId, origin: "cloudflare", holder: "test", now, leaseEndsAt });
  }

  async kill(part: Part): Promise<void> {
    await this.#processes[part]?.kill();
  }

  revive(part: Part): Promise<void> {
    return this.#start(part);
  }

  async stop(): Promise<void> {
    await Promise.all(Object.values(this.#processes).map((process) => process.stop()));
    const registry = this.#registry;
    this.#registry = undefined;
    await registry?.close();
  }

  async #prepare(): Promise<void> {
    this.#registry = await serveRegistry(
      createRegistryService({
        store: this.#store,
        now: Date.now,
        writing: "open",
        reading: "open",
        pages: [],
        leaseMs: LEASE_MS,
      }),
    );
    const k = Buffer.from(this.#key).toString("base64url");
    await writeFile(this.#file("key.jwk"), JSON.stringify({ alg: "HS256", kty: "oct", k }));
    const node = await signToken(this.#key, { ...EVERYTHING, cluster: true });
    await writeFile(this.#file("token"), node);
    this.#clientToken = await signToken(this.#key, EVERYTHING);
  }

  #file(name: string): string {
    return join(this.#scene.folder, name);
  }

  async #start(part: Part): Promise<void> {
    this.#processes[part] = await (part === "bridge"
      ? this.#startBridge()
      : this.#startRelay(part));
  }

  async #startRelay(part: "relay" | "cloudflare"): Promise<PeerProcess> {
    const { cert, key } = this.#scene.certificate.files;
    const dialect = part === "relay" ? "moq-lite" : "draft-14";
    const auth = part === "relay" ? ["--auth-key-file", this.#file("key.jwk")] : [];
    const address = `127.0.0.1:${this.#ports[part]}`;
    const process_ = await PeerProcess.start({
      name: dialect,
      command: process.execPath,
      args: [
        ...[MAIN, "relay", "--dialect", dialect, "--listen", address],
        ...["--tls-cert", cert, "--tls-key", key, ...auth],
      ],
      logFile: this.#scene.logFile(dialect),
    });
    await process_.waitForLine(/WebTransport: https:/, READY);
    return process_;
  }

  async #startBridge(): Promise<PeerProcess> {
    const bridge = await BridgeProcess.start(this.#scene, {
      relayUrl: `https://127.0.0.1:${this.#ports.relay}/`,
      cloudflareUrl: `https://127.0.0.1:${this.#ports.cloudflare}/`,
      registryUrl: `${this.#registry?.url}/api/stats/greet`,
      flags: ["--relay-token-file", this.#file("token")],
    });
    return bridge.process;
  }
}
