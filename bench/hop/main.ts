import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { Scene } from "@moq-bridge/testing";
import { AddonAlone } from "./addon.js";
import { type Endpoint, ietfEndpoint, liteEndpoint } from "./endpoint.js";
import { type Load, pause } from "./load.js";
import { measure } from "./measure.js";
import { head, line, type Measured, type Row, rowOf } from "./report.js";
import { type Summary, summarize, summaryText } from "./summary.js";

/**
 * Publisher to viewer with and without the bridge between, on the same relays
 * in one run, and the addon alone on the same data. Publisher and viewer are in
 * this process, the bridge and the addon's forwarder in one each.
 */
const { values: flags } = parseArgs({
  options: {
    /** Of each measurement. */
    seconds: { type: "string", default: "5" },
    /** Only loads whose name has this. */
    only: { type: "string", default: "" },
    /** A folder for the bridge's CPU profile. */
    profile: { type: "string" },
  },
});
const { profile } = flags;
const seconds = Number(flags.seconds);

const paced: Load = { framesPerSecond: 500, frameBytes: 1_200, framesPerGroup: 100, seconds };
const groups = (rate: number): Load => ({
  framesPerSecond: rate,
  frameBytes: 1_200,
  framesPerGroup: 1,
  seconds,
});
const megabytes = (rate: number): Load => ({
  framesPerSecond: (rate * 1_000_000) / 16_000,
  frameBytes: 16_000,
  framesPerGroup: 64,
  seconds,
});
const LOADS = new Map<string, Load>(
  [
    ["500 frames/s", paced] as const,
    ...[250, 500, 1_000].map((rate) => [`${rate} groups/s`, groups(rate)] as const),
    ...[20, 40, 80].map((rate) => [`${rate} MB/s`, megabytes(rate)] as const),
  ].filter(([name]) => name.includes(flags.only)),
);

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
    nodeFlags: profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`],
  });
  const addon = await AddonAlone.start(scene);
  const tls = { ca: scene.certificate.ca };
  const lite = await liteEndpoint(relay.httpsUrl, tls);
  const draft14 = await ietfEndpoint(ietf.url, tls);
  const listed: Endpoint = {
    ...draft14,
    publish: async (path) => {
      const publication = await draft14.publish(path);
      registry.list(path);
      return publication;
    },
  };

  process.stdout.write(head());
  for (const [loadName, load] of LOADS) {
    const row = async (
      path: string,
      work: () => Promise<Measured>,
      between?: { processorTime(): Promise<number> },
    ) => {
      const busy = busyMeter();
      const before = await between?.processorTime();
      const measured = await work();
      const after = await between?.processorTime();
      const cpuMs = before === undefined || after === undefined ? undefined : after - before;
      const done = rowOf({ path, loadName, load }, measured, busy(), cpuMs);
      rows.push(done);
      process.stdout.write(line(done));
    };
    await row("moq-relay alone", () => measure(lite, lite, load));
    await row("moq-relay-ietf alone", () => measure(draft14, draft14, load));
    await row("relay to Cloudflare", () => measure(lite, patient(draft14), load), bridge);
    await row("Cloudflare to relay", () => measure(listed, lite, load), bridge);
    await row("addon alone", () => addon.measure(load), addon.process);
  }
  lite.close();
  draft14.close();
} finally {
  await scene.end();
}
const summary: Summary = summarize(rows, [...LOADS.keys()]);
process.stdout.write(`\n${summaryText(summary)}\n${JSON.stringify({ rows, summary })}\n`);

/** A viewer that waits until the bridge has shown the name. */
function patient(endpoint: Endpoint): Endpoint {
  return {
    ...endpoint,
    view: async (path) => {
      await pause(500);
      return endpoint.view(path);
    },
  };
}

/** Gives how busy the machine's processors were since it was made, in percent. */
function busyMeter(): () => number {
  const read = () => {
    const times = cpus().map((cpu) => cpu.times);
    const idle = times.reduce((sum, each) => sum + each.idle, 0);
    const all = times.reduce(
      (sum, each) => sum + each.user + each.nice + each.sys + each.idle + each.irq,
      0,
    );
    return { idle, all };
  };
  const before = read();
  return () => {
    const after = read();
    return 100 * (1 - (after.idle - before.idle) / (after.all - before.all));
  };
}
