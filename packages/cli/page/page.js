import { Plots } from "/plots.js";

const EVERY_MS = 1_000;
const TONES = {
  announced: "good",
  announcing: "warning",
  waiting: "warning",
  resting: "warning",
  silent: "warning",
  refused: "muted",
  gone: "bad",
  conflict: "bad",
};
const ARROWS = { "to-relay": "→ relay", "to-cloudflare": "→ Cloudflare" };

const byId = (id) => document.getElementById(id);
const plots = new Plots(byId("plots"));

function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Replaces an element's content only when it changed, so that selections and readers are left alone. */
function show(parent, children) {
  const next = document.createElement(parent.tagName);
  next.append(...children);
  if (next.innerHTML !== parent.innerHTML) parent.replaceChildren(...children);
}

function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} d`;
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = count;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

function counted(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function sideLines(side, now) {
  const lines = side.connected
    ? [element("p", "connected", "good")]
    : [element("p", `not connected: ${side.reason}`, "bad")];
  lines.push(element("p", side.url, "muted"));
  for (const session of side.sessions) lines.push(...sessionLines(session, now));
  const { traffic, addedLatency } = side;
  lines.push(
    element("p", `received ${bytes(traffic.bytesReceived)}, sent ${bytes(traffic.bytesSent)}`),
    element(
      "p",
      `${counted(traffic.groupsSkipped, "group")} skipped, ${counted(traffic.reconnects, "reconnect")}`,
    ),
  );
  if (addedLatency.count > 0) {
    const { p50Ms, p99Ms } = addedLatency;
    lines.push(
      element("p", `added latency p50 ${p50Ms.toPrecision(2)} ms, p99 ${p99Ms.toPrecision(2)} ms`),
    );
  }
  if (side.waiting > 0) lines.push(element("p", `${side.waiting} waiting for room`, "warning"));
  return lines;
}

/** Why a session is down stands with its side. */
function sessionLines(session, now) {
  const { connected, since, failures, reason, lastLoss } = session;
  if (!connected) {
    const attempts = failures > 0 ? `, ${counted(failures, "failure")} in a row` : "";
    return [element("p", `down for ${duration(now - since)}${attempts}`)];
  }
  const lines = [element("p", `session for ${duration(now - since)}`), ...creditLines(session)];
  if (reason) lines.push(element("p", `a new session cannot be opened: ${reason}`, "warning"));
  if (lastLoss) {
    const before = `lost ${duration(now - lastLoss.at)} ago: ${lastLoss.reason}`;
    lines.push(element("p", before, "lost muted"));
  }
  return lines;
}

/** What a session of Cloudflare's side holds, and what it may still ask for. */
function creditLines({ names, tracks, requests, requestLimit }) {
  if (requestLimit === undefined) return [];
  const credit = element("p", `${requests} of ${requestLimit} requests used `);
  const meter = document.createElement("meter");
  meter.max = requestLimit;
  meter.value = requests;
  meter.title = credit.textContent;
  credit.append(meter);
  return [element("p", `${counted(names, "name")}, ${counted(tracks, "track")}`), credit];
}

function tokenLine(token, now) {
  if (!token) return [];
  const left = token.expiresAt - now;
  return token.expired
    ? [element("p", `the token expired ${duration(-left)} ago and there is no new one`, "bad")]
    : [element("p", `token good for ${duration(left)}`, "muted")];
}

function registryLines(registry) {
  if (!registry) return [element("p", "none is asked", "muted")];
  const lines = registry.lastError
    ? [element("p", registry.lastError, registry.lastSuccess ? "warning" : "bad")]
    : [element("p", registry.lastSuccess ? "answers" : "not asked yet", "good")];
  if (registry.ageMs !== undefined) {
    lines.push(element("p", `last good answer ${duration(registry.ageMs)} ago`));
  }
  lines.push(
    element("p", `${registry.live} live on Cloudflare, ${counted(registry.polls, "poll")}`),
  );
  return lines;
}

function nameOf({ path, shownAs }) {
  return shownAs === undefined ? path : `${path} as ${shownAs}`;
}

function row(broadcast, now) {
  const made = document.createElement("tr");
  made.dataset.path = broadcast.path;
  made.dataset.state = broadcast.state;
  const state = element("td", "");
  state.append(element("span", broadcast.state, TONES[broadcast.state]));
  if (broadcast.reason) state.append(element("span", broadcast.reason, "reason"));
  made.append(
    element("td", nameOf(broadcast)),
    element("td", ARROWS[broadcast.direction]),
    state,
    element("td", duration(now - broadcast.since), "muted"),
  );
  return made;
}

function render(status) {
  const { now, relay, cloudflare, broadcasts } = status;
  byId("version").textContent = status.version;
  const summary = byId("summary");
  summary.className = status.ready ? "good" : "bad";
  summary.textContent = status.ready
    ? `bridging, up for ${duration(now - status.startedAt)}`
    : `not ready: ${status.missing.join(", ")}`;
  show(byId("relay"), [
    element("h2", "Relay"),
    ...sideLines(relay, now),
    ...tokenLine(status.relayToken, now),
  ]);
  show(byId("cloudflare"), [element("h2", "Cloudflare"), ...sideLines(cloudflare, now)]);
  show(byId("registry"), [element("h2", "Registry"), ...registryLines(status.registry)]);
  byId("count").textContent = String(broadcasts.length);
  byId("none").hidden = broadcasts.length > 0;
  const sorted = [...broadcasts].sort((one, two) => (one.path < two.path ? -1 : 1));
  show(
    byId("broadcasts"),
    sorted.map((broadcast) => row(broadcast, now)),
  );
  const refused = Object.entries(status.refused).map(([reason, count]) => `${count} ${reason}`);
  byId("refused").textContent = refused.length > 0 ? `Not carried: ${refused.join(", ")}` : "";
}

async function ask(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`answered with status ${response.status}`);
  return response.json();
}

async function refresh() {
  try {
    const [status, samples] = await Promise.all([
      ask("/status"),
      ask(`/history?since=${plots.newest}`),
    ]);
    render(status);
    plots.add(samples);
  } catch (error) {
    const summary = byId("summary");
    summary.className = "bad";
    summary.textContent = `the bridge does not answer: ${error.message}`;
  }
  setTimeout(refresh, EVERY_MS);
}

void refresh();
