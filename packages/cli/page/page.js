import { Plots } from "/plots.js";

const EVERY_MS = 1_000;
const TONES = {
  announced: "good",
  announcing: "warning",
  waiting: "warning",
  resting: "warning",
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

function sideLines(side, now) {
  const lines = side.connected
    ? [element("p", "connected", "good")]
    : [element("p", `not connected: ${side.reason}`, "bad")];
  lines.push(element("p", side.url, "muted"));
  for (const session of side.sessions) {
    const what = session.connected ? "session for" : "down for";
    const credit =
      session.requestLimit === undefined || !session.connected
        ? ""
        : `, ${session.names} names, ${session.tracks} tracks, ${session.requests} of ${session.requestLimit} requests`;
    lines.push(element("p", `${what} ${duration(now - session.since)}${credit}`));
  }
  const { traffic, addedLatency } = side;
  lines.push(
    element(
      "p",
      `received ${bytes(traffic.bytesReceived)}, sent ${bytes(traffic.bytesSent)}, ${traffic.groupsSkipped} groups skipped, ${traffic.reconnects} reconnects`,
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
  lines.push(element("p", `${registry.live} live on Cloudflare, ${registry.polls} polls`));
  return lines;
}

function row(broadcast, now) {
  const made = document.createElement("tr");
  made.dataset.path = broadcast.path;
  made.dataset.state = broadcast.state;
  const state = element("td", "");
  state.append(element("span", broadcast.state, TONES[broadcast.state]));
  if (broadcast.reason) state.append(element("span", broadcast.reason, "reason"));
  made.append(
    element("td", broadcast.path),
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
