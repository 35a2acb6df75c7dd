import { printable } from "../printable.js";
import type { SessionDocument, SideDocument, StatusDocument } from "./status-document.js";

/** The status for a terminal: a few lines, then one for each broadcast. */
export function statusText(status: StatusDocument): string {
  const { now, broadcasts, relayToken } = status;
  const state = status.ready ? "bridging" : `not ready (${status.missing.join(", ")})`;
  const lines = [
    `moq-bridge ${status.version}: ${state}, up for ${duration(now - status.startedAt)}`,
    ...sideLines("relay", status.relay, now),
  ];
  if (relayToken) {
    const left = relayToken.expiresAt - now;
    lines.push(
      relayToken.expired
        ? `  token expired ${duration(-left)} ago and there is no new one`
        : `  token good for ${duration(left)}`,
    );
  }
  lines.push(...sideLines("cloudflare", status.cloudflare, now));
  lines.push(...registryLines(status));
  for (const [reason, count] of Object.entries(status.refused)) {
    lines.push(`not carried: ${count} ${reason}`);
  }
  return `${[...lines.map(printable), "", ...table(broadcastRows(broadcasts, now))].join("\n")}\n`;
}

/** Each registry that is read, and the one that the relay's streams are listed in. */
function registryLines({ registries, report }: StatusDocument): string[] {
  const lines = registries.map(({ label, ageMs, live, polls, lastError }) => {
    const age = ageMs === undefined ? "never answered" : `answered ${duration(ageMs)} ago`;
    return `registry: ${age}, ${live} live, ${polls} polls${because(lastError)} (${label})`;
  });
  if (report) {
    const { label, live, conflicts, failing, lastError } = report;
    const counts = `${live} listed, ${conflicts} held by others, ${failing} failing`;
    lines.push(`the relay's streams: ${counts}${because(lastError)} (${label})`);
  }
  return lines;
}

function because(trouble: string | undefined): string {
  return trouble === undefined ? "" : `: ${trouble}`;
}

function sideLines(name: string, side: SideDocument, now: number): string[] {
  const state = side.connected ? "connected" : `not connected: ${side.reason}`;
  const { traffic, addedLatency } = side;
  const lines = [`${name}: ${state} (${side.url})`];
  for (const session of side.sessions) {
    const credit =
      session.requestLimit === undefined || !session.connected
        ? ""
        : `, ${session.names} names, ${session.tracks} tracks, ${session.openStreams} open streams, ${session.requests} of ${session.requestLimit} requests`;
    const since = `${session.connected ? "up" : "down"} for ${duration(now - session.since)}`;
    const attempts = session.failures > 0 ? `, ${session.failures} failures in a row` : "";
    lines.push(`  session ${since}${credit}${attempts}`);
    lines.push(...troubleLines(session, now).map((line) => `    ${line}`));
  }
  lines.push(
    `  frames received ${traffic.framesReceived}, sent ${traffic.framesSent}; groups skipped ${traffic.groupsSkipped}; reconnects ${traffic.reconnects}`,
  );
  if (addedLatency.p50Ms !== undefined && addedLatency.p99Ms !== undefined) {
    lines.push(
      `  added latency p50 ${addedLatency.p50Ms.toPrecision(2)} ms, p99 ${addedLatency.p99Ms.toPrecision(2)} ms`,
    );
  }
  if (side.waiting > 0) lines.push(`  waiting for room: ${side.waiting}`);
  return lines;
}

/** What is or was wrong with a session that is up; why one is down stands with its side. */
function troubleLines({ connected, reason, lastLoss }: SessionDocument, now: number): string[] {
  if (!connected) return [];
  return [
    ...(reason === undefined ? [] : [`a new session cannot be opened: ${reason}`]),
    ...(lastLoss
      ? [`the one before was lost ${duration(now - lastLoss.at)} ago: ${lastLoss.reason}`]
      : []),
  ];
}

function broadcastRows(broadcasts: StatusDocument["broadcasts"], now: number): string[][] {
  if (broadcasts.length === 0) return [["no broadcasts"]];
  const sorted = [...broadcasts].sort((one, two) => (one.path < two.path ? -1 : 1));
  return [
    ["BROADCAST", "DIRECTION", "STATE", "FOR", "REASON"],
    ...sorted.map(({ path, shownAs, direction, state, reason, since }) => [
      printable(shownAs === undefined ? path : `${path} as ${shownAs}`),
      direction,
      state,
      duration(now - since),
      printable(reason ?? ""),
    ]),
  ];
}

function table(rows: readonly string[][]): string[] {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${(seconds / 3_600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} d`;
}
