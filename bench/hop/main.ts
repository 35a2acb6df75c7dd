import { Scene } from "@moq-bridge/testing";
import { ietfEndpoint, liteEndpoint } from "./endpoint.js";
import { type Load, measure, type Result } from "./measure.js";

/**
 * Publisher to viewer with and without the bridge between, on the same relays
 * in one run. What a hop through the bridge adds is the bridged figure less
 * those of the two relays alone; what a relay alone loses is not the bridge's loss.
 *
 * `BENCH_BRIDGE_OPTIONS` becomes the bridge's NODE_OPTIONS, for a profiler.
 */
const PACED: Load = { framesPerSecond: 500, frameBytes: 1_200, framesPerGroup: 100, seconds: 10 };

const groups = (rate: number): Load => ({
  framesPerSecond: rate,
  frameBytes: 1_200,
  framesPerGroup: 1,
  seconds: 5,
});

const megabytes = (rate: number): Load => ({
  framesPerSecond: (rate * 1_000_000) / 16_000,
  frameBytes: 16_000,
  framesPerGroup: 64,
  seconds: 5,
});

const LOADS: readonly (readonly [name: string, load: Load])[] = [
  ["500 frames/s", PACED],
  ...[50, 250, 500, 1_000].map((rate) => [`${rate} groups/s`, groups(rate)] as const),
  ...[10, 20, 40, 80, 120].map((rate) => [`${rate} MB/s`, megabytes(rate)] as const),
];

interface Row extends Result {
  readonly what: string;
  readonly bridgeCpuPercent: number;
}

const scene = await Scene.create("bench-hop");
const rows: Row[] = [];
try {
  const relay = await scene.moqRelay();
  const ietf = await scene.ietfRelay();
  const registry = await scene.registry();
  const bridge = await scene.bridge({
    relayUrl: relay.httpsUrl,
    cloudflareUrl: ietf.url,
    registryUrl: registry.url,
    env: { NODE_OPTIONS: process.env["BENCH_BRIDGE_OPTIONS"] },
  });
  const tls = { ca: scene.certificate.ca };
  const lite = await liteEndpoint(relay.httpsUrl, tls);
  const draft14 = await ietfEndpoint(ietf.url, tls);

  const row = async (what: string, work: () => Promise<Result>) => {
    const before = { cpu: await bridge.processorTime(), at: performance.now() };
    const result = await work();
    const cpu = (await bridge.processorTime()) - before.cpu;
    const bridgeCpuPercent = (100 * cpu) / (performance.now() - before.at);
    rows.push({ what, bridgeCpuPercent, ...result });
    print(rows.at(-1) as Row);
    return result;
  };
  const toRelay = async (load: Load) => {
    const listed = {
      ...draft14,
      publish: async (path: string) => {
        const publication = await draft14.publish(path);
        registry.list(path);
        return publication;
      },
    };
    return measure(listed, lite, load);
  };
  const toCloudflare = (load: Load) => measure(lite, draft14Bridged(draft14), load);

  for (const [name, load] of LOADS) {
    await row(`moq-relay alone, ${name}`, () => measure(lite, lite, load));
    await row(`moq-relay-ietf alone, ${name}`, () => measure(draft14, draft14, load));
    await row(`relay to Cloudflare, ${name}`, () => toCloudflare(load));
    await row(`Cloudflare to relay, ${name}`, () => toRelay(load));
  }
  lite.close();
  draft14.close();
} finally {
  await scene.end();
}
process.stdout.write(`${JSON.stringify(rows)}\n`);

/** A viewer that waits until the bridge has shown the name. */
function draft14Bridged(endpoint: Awaited<ReturnType<typeof ietfEndpoint>>) {
  return {
    ...endpoint,
    view: async (path: string) => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return endpoint.view(path);
    },
  };
}

function print(row: Row): void {
  const cells = [
    row.what.padEnd(40),
    `${row.received}/${row.sent}`.padStart(14),
    `p50 ${row.p50.toFixed(2)} ms`.padStart(14),
    `p99 ${row.p99.toFixed(2)} ms`.padStart(15),
    `${(row.bytesPerSecond / 1e6).toFixed(1)} MB/s`.padStart(12),
    `${row.groupsPerSecond.toFixed(0)} groups/s`.padStart(15),
    `bridge ${row.bridgeCpuPercent.toFixed(0)} % CPU`.padStart(18),
  ];
  process.stdout.write(`${cells.join(" ")}\n`);
}
