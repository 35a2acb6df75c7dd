import { cloudflare, type PeerNamespace, standard } from "@moq-bridge/moq-ietf14-session";
import { type Announcements, Origin, type Path } from "@moq-bridge/origin";
import { sleep, systemRuntime } from "@moq-bridge/runtime";
import { openIetf14, openLite, type Target } from "../open-session.js";
import { UsageError } from "../usage-error.js";
import type { TargetFlags } from "./target.js";
import { untilStopped } from "./until-stopped.js";

/** What to list. */
export interface ListOptions extends TargetFlags {
  /** Go on with what comes and goes. */
  readonly follow?: boolean;
  /** Only paths under this one. */
  readonly prefix?: string;
}

/** Silence after which a draft-14 relay counts as having told everything, in milliseconds. */
const QUIET_MS = 1_000;

/** Writes the broadcasts of a relay, one path a line; with `follow` with a `+` or `-` before it. */
export async function listBroadcasts(
  target: Target,
  options: ListOptions,
  write: (line: string) => void,
  stopRequested: Promise<unknown>,
): Promise<void> {
  const list = options.dialect === "moq-lite" ? listLite : listIetf14;
  await list(target, options, write, stopRequested);
}

async function listLite(
  target: Target,
  { follow, prefix = "" }: ListOptions,
  write: (line: string) => void,
  stopRequested: Promise<unknown>,
): Promise<void> {
  const origin = new Origin({ runtime: systemRuntime });
  const announcements = origin.announced(prefix);
  const { session } = await openLite(target, { subscribe: origin });
  await session.announced;
  if (follow) {
    // What ends as we leave is not gone from the relay.
    void stopRequested.then(() => announcements.close());
    await untilStopped(session, stopRequested, followChanges(announcements, write));
    return;
  }
  for (let next = announcements.tryNext(); next; next = announcements.tryNext()) {
    if (next.type === "active") write(next.path);
  }
  session.close();
}

async function followChanges(
  announcements: Announcements,
  write: (line: string) => void,
): Promise<void> {
  for await (const { type, path } of announcements)
    write(`${type === "active" ? "+" : "-"} ${path}`);
}

async function listIetf14(
  target: Target,
  { follow, prefix, profile }: ListOptions,
  write: (line: string) => void,
  stopRequested: Promise<unknown>,
): Promise<void> {
  if (profile === "cloudflare") {
    throw new UsageError(
      "Cloudflare's relays tell nobody what is live; ask a registry, or give --profile standard",
    );
  }
  if (prefix === undefined) {
    throw new UsageError("give --prefix PATH: a draft-14 relay is asked for the names under one");
  }
  const sign = (mark: string, path: Path) => (follow ? `${mark} ${path}` : path);
  let lastHeard = systemRuntime.now();
  let leaving = false;
  void stopRequested.then(() => {
    leaving = true;
  });
  const { session } = await openIetf14(target, {
    profile: { cloudflare, standard }[profile],
    onPublishNamespace: (namespace: PeerNamespace) => {
      lastHeard = systemRuntime.now();
      namespace.accept();
      write(sign("+", namespace.path));
      if (!follow) return;
      void namespace.ended.then(() => {
        if (!leaving) write(sign("-", namespace.path));
      });
    },
  });
  const quiet = async () => {
    await session.subscribeNamespace(prefix).accepted;
    while (follow || systemRuntime.now() - lastHeard < QUIET_MS) await sleep(systemRuntime, 100);
  };
  await untilStopped(session, stopRequested, quiet());
}
