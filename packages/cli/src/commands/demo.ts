import { isLoopback } from "@moq-bridge/transport";
import { type AdminSettings, inUrl, readAddress } from "../admin/admin-settings.js";
import { startAdmin } from "../admin/start-admin.js";
import type { CliHost } from "../cli-host.js";
import type { DefineCommand } from "../command.js";
import { routeDebugThrough } from "../debug-log.js";
import type { DemoWorld } from "../demo/demo-world.js";
import { LineLogger, LOG_LEVELS, type LogLevel } from "../logger.js";
import type { Redactor } from "../redactor.js";
import { UsageError } from "../usage-error.js";

interface DemoFlags {
  readonly duration?: string;
  readonly quic: boolean;
  readonly web?: boolean;
  readonly kill?: boolean;
  readonly admin?: string;
  readonly logLevel: string;
}

/** `moq-bridge demo`: two relays, the bridge between them, and publishers and viewers on both sides, or a page for them. */
export const defineDemo: DefineCommand = (program, { host, redactor, exit }) => {
  program
    .command("demo")
    .description("show the bridge at work between two relays of its own, on this machine alone")
    .option(
      "--duration <seconds>",
      "end after this long; exit code 0 if nothing was lost or altered",
    )
    .option("--web", "serve a page to publish and watch on both sides in browsers of this machine")
    .option("--kill", "kill each relay and the bridge once and start them again; needs --duration")
    .option("--no-quic", "WebSocket on both sides even where QUIC loads")
    .option("--admin <address>", "serve the bridge's status page there, HOST:PORT of this machine")
    .option("--log-level <level>", `of what the bridge says: ${LOG_LEVELS.join(", ")}`, "error")
    .allowExcessArguments(false)
    .action(async (flags: DemoFlags) => {
      const log = new LineLogger({
        level: readLevel(flags.logLevel),
        format: "text",
        redactor,
        wallClock: host.wallClock,
        write: host.writeError,
      });
      routeDebugThrough(log);
      if (flags.web && flags.kill) {
        throw new UsageError(
          "--kill is for the demo without --web, whose page has a button for it",
        );
      }
      const durationMs = readDuration(flags);
      const admin = readAdmin(flags);
      const options = {
        log,
        quic: flags.quic,
        durationMs,
        write: host.writeOut,
        stopRequested: host.stopRequested,
        ...(admin && {
          startAdmin: (world: DemoWorld) => serveAdmin(admin, world, { host, log, redactor }),
        }),
      };
      if (flags.web) {
        const { runWebDemo } = await import("../demo/web/run-web-demo.js");
        await runWebDemo(options);
        return;
      }
      const { runDemo } = await import("../demo/run-demo.js");
      const kill = flags.kill === true;
      const terminalColumns = host.terminalColumns ?? (() => undefined);
      exit((await runDemo({ ...options, kill, terminalColumns })) ? 0 : 1);
    });
};

/** The demo's bridge is for whoever is at this machine. */
function readAdmin({ admin }: DemoFlags): AdminSettings | undefined {
  if (admin === undefined) return undefined;
  const address = readAddress("--admin", admin);
  if (!isLoopback(inUrl(address.host))) {
    throw new UsageError("--admin of the demo is for this machine; give 127.0.0.1:PORT");
  }
  return { ...address, token: undefined };
}

async function serveAdmin(
  admin: AdminSettings,
  world: DemoWorld,
  { host, log, redactor }: { host: CliHost; log: LineLogger; redactor: Redactor },
): Promise<() => Promise<void>> {
  const { port, stop } = await startAdmin({
    ...admin,
    // The bridge may be another one by then.
    bridge: { status: () => world.bridge.status(), pollNow: () => world.bridge.pollNow() },
    log,
    redactor,
    wallClock: host.wallClock,
    relayUrl: new URL(world.relayForBridge.url).origin,
    cloudflareUrl: new URL(world.cloudflareForClients.url).origin,
  });
  host.writeOut(`status page: http://${inUrl(admin.host)}:${port}/\n`);
  return stop;
}

function readDuration({ duration, kill }: DemoFlags): number | undefined {
  if (duration === undefined) {
    if (kill) throw new UsageError("--kill needs --duration <seconds>");
    return undefined;
  }
  const seconds = Number(duration);
  if (!(seconds >= 1 && seconds <= 86_400)) {
    throw new UsageError("--duration must be 1 to 86,400 seconds");
  }
  return seconds * 1_000;
}

function readLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((each) => each === text);
  if (!level) throw new UsageError(`--log-level must be one of ${LOG_LEVELS.join(", ")}`);
  return level;
}
