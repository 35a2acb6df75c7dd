import uPlot from "/uplot.js";

const HEIGHT = 180;
const KEPT_SECONDS = 600;

const PLOTS = [
  {
    title: "Sent, Mbit/s",
    series: [
      ["to relay", (sample) => sample.toRelayBits / 1e6],
      ["to Cloudflare", (sample) => sample.toCloudflareBits / 1e6],
    ],
  },
  {
    title: "Frames sent per second",
    series: [
      ["to relay", (sample) => sample.toRelayFrames],
      ["to Cloudflare", (sample) => sample.toCloudflareFrames],
    ],
  },
  {
    title: "Added latency, ms",
    series: [
      ["p50", (sample) => sample.p50Ms],
      ["p99", (sample) => sample.p99Ms],
    ],
  },
  { title: "Tracks being read", series: [["tracks", (sample) => sample.subscriptions]] },
];

/** Draws the samples of the last minutes, and keeps them. */
export class Plots {
  #samples = [];
  #drawn = [];

  constructor(container) {
    this.#drawn = PLOTS.map(({ title, series }) => {
      const box = document.createElement("div");
      box.className = "plot";
      container.append(box);
      const plot = new uPlot(options(title, series, box.clientWidth), [[]], box);
      new ResizeObserver(() => {
        const width = box.clientWidth - padding(box);
        if (Math.abs(width - plot.width) > 1) plot.setSize({ width, height: HEIGHT });
      }).observe(box);
      return { plot, series };
    });
  }

  /** When the newest sample was taken, in milliseconds since the Unix epoch. */
  get newest() {
    return this.#samples.at(-1)?.at ?? 0;
  }

  add(samples) {
    if (samples.length === 0) return;
    const oldest = samples.at(-1).at - KEPT_SECONDS * 1000;
    this.#samples = [...this.#samples, ...samples].filter(({ at }) => at > oldest);
    const times = this.#samples.map(({ at }) => at / 1000);
    for (const { plot, series } of this.#drawn) {
      plot.setData([times, ...series.map(([, value]) => this.#samples.map(value))]);
      // What the legend says where nobody points at a moment.
      if (plot.cursor.idx === null) plot.setLegend({ idx: times.length - 1 });
    }
  }
}

function options(title, series, width) {
  const color = (name) => () => style(name);
  const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 } };
  const timeAxis = {
    ...axis,
    space: 70,
    incrs: [1, 2, 5, 10, 30, 60, 120, 300],
    values: (_plot, times) => times.map(clock),
  };
  return {
    title,
    width,
    height: HEIGHT,
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [timeAxis, { ...axis, size: 48 }],
    series: [
      { label: "at", value: (_plot, time) => (time === null ? "–" : clock(time)) },
      ...series.map(([label], index) => ({
        label,
        stroke: color(`--series-${index + 1}`),
        width: 2,
        // One line may lie on the other.
        dash: index === 0 ? [] : [6, 5],
        points: { show: false },
        value: (_plot, value) => (value === null || value === undefined ? "–" : short(value)),
      })),
    ],
  };
}

/** The time of day, in seconds since the Unix epoch before. */
function clock(time) {
  return new Date(time * 1000).toLocaleTimeString([], { hour12: false });
}

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function padding(box) {
  const { paddingLeft, paddingRight } = getComputedStyle(box);
  return Number.parseFloat(paddingLeft) + Number.parseFloat(paddingRight);
}

function short(value) {
  if (Number.isInteger(value)) return String(value);
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
