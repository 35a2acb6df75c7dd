import { EventLog } from "./event-log.js";
import { PeerProcess } from "./peer-process.js";
import { peerExecutable } from "./peers/locate.js";
import type { SceneContext } from "./scene.js";

const TICK = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

/** What to run. */
export interface ClockOptions {
  readonly url: string;
  readonly namespace: string;
  /** Default a subscriber. */
  readonly publish?: boolean;
  /** Publish in datagrams: each second is a group of one object. */
  readonly datagrams?: boolean;
  /** Ask TRACK_STATUS before SUBSCRIBE. */
  readonly trackStatus?: boolean;
}

/**
 * A real moq-clock-ietf. A publisher opens group *m* at minute *m*: object 0 is
 * `YYYY-MM-DD HH:MM:`, then the seconds, one object each second. Publisher and
 * subscriber print the joined lines.
 */
export class Clock {
  /** The lines printed: what was published, or what was received. */
  readonly ticks = new EventLog<string>();
  readonly process: PeerProcess;

  private constructor(process: PeerProcess) {
    this.process = process;
    process.output.listen(({ stream, text }) => {
      if (stream === "stdout" && TICK.test(text)) this.ticks.push(text);
    });
  }

  static async start(context: SceneContext, options: ClockOptions): Promise<Clock> {
    const role = options.publish === true ? "publish" : "subscribe";
    const name = `moq-clock-${role}-${options.namespace.replaceAll("/", "_")}`;
    const process = await PeerProcess.start({
      name,
      command: peerExecutable("moq-clock-ietf"),
      args: [
        ...(options.publish === true ? ["--publish"] : []),
        ...(options.datagrams === true ? ["--datagrams"] : []),
        ...(options.trackStatus === true ? ["--track-status"] : []),
        ...["--namespace", options.namespace],
        // Without a root it would load the system's, which a bare machine may not have.
        ...["--tls-root", context.certificate.files.ca, "--tls-disable-verify"],
        options.url,
      ],
      logFile: context.logFile(name),
    });
    return new Clock(process);
  }

  /** Waits until it has printed this line: a reader may have it before that. */
  async printed(line: string | undefined, timeoutMs: number): Promise<void> {
    await this.ticks.waitFor((tick) => tick === line, { what: `the line ${line}`, timeoutMs });
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.process.kill();
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}
