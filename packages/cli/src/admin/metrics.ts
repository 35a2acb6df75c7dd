import type { BridgeStatus, SideTraffic } from "@moq-bridge/bridge";
import { DURATION_BOUNDS_MS, type DurationHistogram } from "@moq-bridge/runtime";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** The bridge's metrics in the Prometheus text format. They are read from its status when asked for. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #read: () => BridgeStatus;
  #status: BridgeStatus;

  /** `read` gives the bridge's status now. */
  constructor(
    readNow: () => BridgeStatus,
    about: { readonly version: string; readonly startedAt: number },
  ) {
    this.#read = readNow;
    this.#status = readNow();
    const read = () => this.#status;
    const registers = [this.#registry];
    const sides = () => Object.entries(read().traffic) as [Side, SideTraffic][];
    const gauge = (name: string, help: string, labels: string[], values: () => Values) =>
      new Gauge({
        name: `moq_bridge_${name}`,
        help,
        labelNames: labels,
        registers,
        collect() {
          this.reset();
          const now = values();
          for (const [label, value] of now) this.set(label, value);
          // Without labels a reset leaves a 0, which would be a claim.
          if (now.length === 0) this.remove({});
        },
      });
    const counter = (name: string, help: string, labels: string[], values: () => Values) =>
      new Counter({
        name: `moq_bridge_${name}_total`,
        help,
        labelNames: labels,
        registers,
        collect() {
          this.reset();
          for (const [label, value] of values()) this.inc(label, value);
        },
      });
    gauge("info", "The running version.", ["version"], () => [[{ version: about.version }, 1]]);
    gauge("start_time_seconds", "Start of the process since the Unix epoch.", [], () => [
      [{}, about.startedAt / 1000],
    ]);
    for (const [kind, name, help, pick] of TRAFFIC) {
      const values = (): Values => sides().map(([side, traffic]) => [{ side }, pick(traffic)]);
      (kind === "gauge" ? gauge : counter)(name, help, ["side"], values);
    }
    addBridge(gauge, counter, read);
    addProcess(gauge, counter);
    this.#registry.registerMetric(
      new LatencyMetric(() => sides().map(([side, { addedLatency }]) => [side, addedLatency])),
    );
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics now. */
  text(): Promise<string> {
    // One status for all metrics, so that they agree with each other.
    this.#status = this.#read();
    return this.#registry.metrics();
  }
}

type Side = "relay" | "cloudflare";
type Values = [labels: Record<string, string>, value: number][];
type Define = (name: string, help: string, labels: string[], values: () => Values) => unknown;

/** What is told of the traffic with each side. */
const TRAFFIC: readonly [
  kind: "gauge" | "counter",
  name: string,
  help: string,
  pick: (traffic: SideTraffic) => number,
][] = [
  ["gauge", "sessions", "Sessions open now.", (t) => t.sessionsOpen],
  ["counter", "sessions_opened", "Sessions opened.", (t) => t.sessionsOpened],
  ["counter", "reconnects", "Sessions opened for a lost one.", (t) => t.reconnects],
  ["gauge", "subscriptions", "Tracks read from this side now.", (t) => t.subscriptions],
  [
    "gauge",
    "served_subscriptions",
    "Tracks this side reads from the bridge now.",
    (t) => t.servedSubscriptions,
  ],
  ["counter", "received_bytes", "Bytes received on data streams.", (t) => t.bytesReceived],
  ["counter", "sent_bytes", "Bytes sent on data streams.", (t) => t.bytesSent],
  ["counter", "received_frames", "Frames received.", (t) => t.framesReceived],
  ["counter", "sent_frames", "Frames sent.", (t) => t.framesSent],
  ["counter", "received_groups", "Groups received.", (t) => t.groupsReceived],
  ["counter", "sent_groups", "Groups sent.", (t) => t.groupsSent],
  [
    "counter",
    "skipped_groups",
    "Groups that a slow reader of this side did not get whole.",
    (t) => t.groupsSkipped,
  ],
];

function addBridge(gauge: Define, counter: Define, read: () => BridgeStatus): void {
  gauge("announcements", "Broadcasts by direction and state.", ["direction", "state"], () => {
    const counts = new Map<string, [Record<string, string>, number]>();
    for (const { direction, state } of read().broadcasts) {
      const key = `${direction} ${state}`;
      const [labels, count] = counts.get(key) ?? [{ direction, state }, 0];
      counts.set(key, [labels, count + 1]);
    }
    return [...counts.values()];
  });
  counter("refused_broadcasts", "Broadcasts that do not cross, by reason.", ["reason"], () =>
    Object.entries(read().refused).map(([reason, count]) => [{ reason }, count]),
  );
  gauge("request_credit", "Requests that Cloudflare's open sessions still allow.", [], () => {
    const open = read().cloudflare.sessions.filter(({ connected }) => connected);
    return [[{}, open.reduce((sum, one) => sum + one.requestLimit - one.requests, 0)]];
  });
  gauge("waiting_work", "Names and tracks that wait for a session with room.", [], () => [
    [{}, read().cloudflare.waiting],
  ]);
  const registry = (pick: (health: NonNullable<BridgeStatus["registry"]>) => Values) => () => {
    const health = read().registry;
    return health ? pick(health) : [];
  };
  counter(
    "registry_polls",
    "Requests to the registry.",
    ["result"],
    registry(({ polls, failedPolls }) => [
      [{ result: "ok" }, polls - failedPolls],
      [{ result: "failed" }, failedPolls],
    ]),
  );
  gauge(
    "registry_age_seconds",
    "Time since the registry last answered well.",
    [],
    registry(({ ageMs }) => (ageMs === undefined ? [] : [[{}, ageMs / 1000]])),
  );
  gauge(
    "registry_streams",
    "Streams the registry lists as live on Cloudflare.",
    [],
    registry(({ live }) => [[{}, live]]),
  );
  gauge("relay_token_expiry_seconds", "When the relay's token expires.", [], () => {
    const { relayTokenExpiresAt } = read();
    return relayTokenExpiresAt === undefined ? [] : [[{}, relayTokenExpiresAt / 1000]];
  });
}

function addProcess(gauge: Define, counter: Define): void {
  gauge("resident_memory_bytes", "Memory of the process.", [], () => [
    [{}, process.memoryUsage.rss()],
  ]);
  counter("cpu_seconds", "Processor time of the process.", [], () => {
    const { user, system } = process.cpuUsage();
    return [[{}, (user + system) / 1e6]];
  });
}

const NAME = "moq_bridge_added_latency_seconds";
const HELP = "Time from reading a frame's header to handing it to the transport of this side.";

type HistogramValues = Awaited<ReturnType<Histogram<"side" | "le">["get"]>>;

/** The library's types number the kinds of metric; what it writes is their name. */
const HISTOGRAM = "histogram" as unknown as HistogramValues["type"];

/** Histograms that were counted elsewhere. */
class LatencyMetric extends Histogram<"side" | "le"> {
  readonly #read: () => [Side, DurationHistogram][];

  constructor(read: () => [Side, DurationHistogram][]) {
    super({ name: NAME, help: HELP, labelNames: ["side"], registers: [] });
    this.#read = read;
  }

  override async get(): Promise<HistogramValues> {
    const values = this.#read().flatMap(([side, one]) => valuesOf(side, one));
    return { name: NAME, help: HELP, type: HISTOGRAM, values, aggregator: "sum", collect() {} };
  }

  /** What the registry asks of a histogram; it is not part of the library's types. */
  async getForPromString(): Promise<HistogramValues> {
    return this.get();
  }
}

function valuesOf(side: Side, histogram: DurationHistogram): HistogramValues["values"] {
  let below = 0;
  const buckets = histogram.buckets.map((count, bucket) => {
    below += count;
    const bound = DURATION_BOUNDS_MS[bucket];
    const le = bound === undefined ? "+Inf" : bound / 1000;
    return { metricName: `${NAME}_bucket`, labels: { le, side }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${NAME}_sum`, labels: { side }, value: histogram.sumMs / 1000 },
    { metricName: `${NAME}_count`, labels: { side }, value: histogram.count },
  ];
}
