/** One line of a sample: its name with labels, and its value. */
const SAMPLE =
  /^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*",?)*\})? (\+Inf|-?[\d.]+(?:e[+-]?\d+)?)$/;
const HISTOGRAM_PARTS = /_(bucket|sum|count)$/;
/** Units and prefixes that promtool wants written as base units. */
const NOT_BASE_UNITS =
  /_(ms|milliseconds|microseconds|minutes|hours|kilobytes|megabytes|bits)(_|$)/;

/** Every sample of a text in the Prometheus format, by name and labels. */
export function metricValues(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of samplesOf(text)) {
    const match = SAMPLE.exec(line);
    if (match) values.set(`${match[1]}${match[2] ?? ""}`, Number(match[3]));
  }
  return values;
}

/** What `promtool check metrics` would say of the text, and what a scraper would not read. */
export function metricsProblems(text: string): string[] {
  const problems: string[] = [];
  const helps = new Set([...text.matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name));
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, n, t]) => [n, t]));
  for (const [name = "", type] of types) {
    if (!helps.has(name)) problems.push(`no help text for "${name}"`);
    const counts = name.endsWith("_total");
    if (type === "counter" && !counts) problems.push(`counter "${name}" should end in _total`);
    if (type !== "counter" && counts) problems.push(`only counters end in _total: "${name}"`);
    if (type !== "histogram" && HISTOGRAM_PARTS.test(name)) {
      problems.push(`"${name}" looks like part of a histogram`);
    }
    if (NOT_BASE_UNITS.test(name)) problems.push(`use base units in "${name}"`);
  }
  const seen = new Set<string>();
  for (const line of samplesOf(text)) {
    const [, name = "", labels = ""] = SAMPLE.exec(line) ?? [];
    if (name === "") problems.push(`not a sample: ${JSON.stringify(line)}`);
    else if (!types.has(name) && types.get(name.replace(HISTOGRAM_PARTS, "")) !== "histogram") {
      problems.push(`"${name}" belongs to no described metric`);
    }
    if (seen.has(name + labels)) problems.push(`twice: "${name}${labels}"`);
    seen.add(name + labels);
  }
  if (!text.endsWith("\n")) problems.push("no line break at the end");
  return [...problems, ...histogramProblems(text, types)];
}

/** Buckets never fall and end with +Inf, which is the count. */
function histogramProblems(
  text: string,
  types: ReadonlyMap<string | undefined, string | undefined>,
) {
  const problems: string[] = [];
  const values = metricValues(text);
  for (const [name, type] of types) {
    if (type !== "histogram") continue;
    const series = new Map<string, number[]>();
    for (const [key, value] of values) {
      if (!key.startsWith(`${name}_bucket{`)) continue;
      const rest = key.slice(`${name}_bucket`.length).replace(/le="[^"]*",?/, "");
      series.set(rest, [...(series.get(rest) ?? []), value]);
    }
    for (const [labels, counts] of series) {
      if (counts.some((count, index) => count < (counts[index - 1] ?? 0))) {
        problems.push(`buckets of "${name}${labels}" fall`);
      }
      if (counts.at(-1) !== values.get(`${name}_count${labels}`)) {
        problems.push(`"${name}${labels}": +Inf is not the count`);
      }
    }
  }
  return problems;
}

function samplesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}
