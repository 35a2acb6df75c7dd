import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { connectLite, LITE_PROTOCOLS } from "@moq-bridge/moq-lite-session";
import { Origin } from "@moq-bridge/origin";
import { systemRuntime } from "@moq-bridge/runtime";
import { connectWebSocket } from "@moq-bridge/transport";
import { peerExecutable } from "../peers/locate.js";
import { freePort } from "../ports.js";
import type { Scene } from "../scene.js";
import type { ExampleFolder } from "./example-folder.js";

/** Ports that documents use; each document has free ones in their place. */
const PORTS = ["4443", "5443", "8080", "9090"];

/** How long a demo runs here, in seconds. */
const DEMO_SECONDS = 5;

/** Real relays in place of the hosts that documents name, and what documents' programs and commands need to reach them. */
export class DocumentPeers {
  /** For the processes: trust in the relays' certificate, where the commands are, quiet tools. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #folder: ExampleFolder;
  readonly #hosts: readonly (readonly [documented: string, here: string])[];

  private constructor(
    folder: ExampleFolder,
    scene: Scene,
    hosts: readonly (readonly [documented: string, here: string])[],
  ) {
    const { ca } = scene.certificate.files;
    const peers = dirname(peerExecutable("moq-relay"));
    this.#folder = folder;
    this.#hosts = hosts;
    this.environment = {
      PATH: [...folder.commands, peers, process.env["PATH"]].join(":"),
      // For Node.js, and for the addon and the peers.
      NODE_EXTRA_CA_CERTS: ca,
      SSL_CERT_FILE: ca,
      REGISTRY_JWT_SECRET: "a secret of an example, long enough",
      CI: "1",
      WRANGLER_SEND_METRICS: "false",
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
    };
  }

  /**
   * Starts what documents take for granted: a moq-lite relay on which `room/clock` is
   * live, one of Cloudflare's with `demo/clock`, and a registry that lists the latter.
   */
  static async start(scene: Scene, folder: ExampleFolder): Promise<DocumentPeers> {
    const relay = await scene.moqRelay({ authUrl: await openDoor(scene) });
    const cloudflare = await scene.ietfRelay();
    const registry = await scene.registry();
    registry.list("demo/clock");
    await publishClock(scene, relay.wsUrl, "room/clock");
    await scene.clock({ url: cloudflare.url, namespace: "demo/clock", publish: true });
    await cloudflare.publishes("demo/clock");

    const file = (name: string, content: string) => {
      const path = join(folder.path, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      return path;
    };
    file("streams.json", '{ "broadcasts": [] }');
    file("other.json", "{}");
    return new DocumentPeers(folder, scene, [
      ["https://relay.example.com", relay.httpsUrl.replace(/\/$/, "")],
      ["https://draft-14.cloudflare.mediaoverquic.com", cloudflare.url.replace(/\/$/, "")],
      ["https://registry.example.com/api/stats/greet", registry.url],
      ["https://other.example.com/live", registry.url],
      ["/run/secrets/relay-token", file("relay-token", "e30.e30.e30")],
    ]);
  }

  /** For one document: puts what is here in place of what it says. */
  async edit(): Promise<(text: string) => string> {
    const ports = new Map<string, string>();
    for (const port of PORTS) ports.set(port, `${await freePort()}`);
    const here = new Map([
      ...this.#hosts,
      ...ports,
      ["/tmp/", `${this.#folder.path}/`],
      // Its default is one of the ports.
      ["moq-bridge status", `moq-bridge status --admin 127.0.0.1:${ports.get("9090")}`],
      [
        "@moq-bridge/registry dev",
        `@moq-bridge/registry dev --port ${ports.get("8080")} --inspector-port 0`,
      ],
      ["npm start", `npm start -- --duration ${DEMO_SECONDS}`],
      ["demo --duration 20", `demo --duration ${DEMO_SECONDS}`],
    ]);
    const documented = new RegExp([...here.keys()].map((text) => `${text}(?!\\d)`).join("|"), "g");
    return (text) => text.replaceAll(documented, (found) => here.get(found) ?? found);
  }
}

/** A clock on the moq-lite relay: track `now`, four groups a second. */
async function publishClock(scene: Scene, url: string, path: string): Promise<void> {
  const transport = await connectWebSocket(url, { protocols: LITE_PROTOCOLS, timeoutMs: 5_000 });
  const origin = new Origin({ runtime: systemRuntime });
  await connectLite(transport, { runtime: systemRuntime, originId: 4_711n, publish: origin });
  const track = origin.createBroadcast(path).createTrack("now");
  const ticking = setInterval(() => {
    const group = track.appendGroup();
    group.writeFrame(new TextEncoder().encode(new Date().toISOString()));
    group.finish();
  }, 250);
  scene.onEnd(async () => {
    clearInterval(ticking);
    transport.close(0, "");
    origin.close();
  });
}

/** Lets everybody do everything on moq-relay, whatever the token: without it every token is refused. */
async function openDoor(scene: Scene): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"publish":["**"],"subscribe":["**"]}');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scene.onEnd(async () => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
