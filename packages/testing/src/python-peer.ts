import { fileURLToPath } from "node:url";
import { EventLog } from "./event-log.js";
import { PeerProcess } from "./peer-process.js";
import { peerExecutable } from "./peers/locate.js";
import type { SceneContext } from "./scene.js";
import { within } from "./wait.js";

const SCRIPT = fileURLToPath(new URL("../python/moq_peer.py", import.meta.url));
const READY_MS = 20_000;

/** A frame, written or read. Small payloads are carried whole. */
export interface PythonFrame {
  readonly group: number;
  /** Position in its group, from 0. */
  readonly index: number;
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  /** Base64, absent above 4 KiB. */
  readonly payload?: string;
}

/** What `moq_peer.py` reports. */
export type PythonEvent =
  | { readonly event: "connected" | "bye" }
  | { readonly event: "listening"; readonly address: string }
  | { readonly event: "status"; readonly status: string; readonly epoch: number }
  | { readonly event: "closed" | "announced-error"; readonly error: string }
  | {
      readonly event: "announced";
      readonly path: string;
      readonly active: boolean;
      readonly hops: readonly number[];
    }
  | { readonly event: "subscribed" | "track-end"; readonly viewer: string }
  | { readonly event: "track-error"; readonly viewer: string; readonly error: string }
  | { readonly event: "group"; readonly viewer: string; readonly group: number }
  | ({ readonly event: "frame"; readonly viewer: string } & PythonFrame)
  | {
      readonly event: "group-end" | "group-error";
      readonly viewer: string;
      readonly group: number;
      readonly frames: number;
      readonly error?: string;
    }
  | { readonly event: "demand"; readonly publication: string; readonly used: boolean }
  | { readonly event: "published-group"; readonly publication: string; readonly group: number }
  | ({ readonly event: "published"; readonly publication: string } & PythonFrame)
  | { readonly event: "command-error"; readonly op: string; readonly error: string }
  | { readonly event: "done"; readonly id: number };

/** An event with the time it was read. */
export type TimedPythonEvent = PythonEvent & { readonly at: number };

/**
 * A real moq-rs client or server (Rust underneath), as publisher and viewer.
 * A client reconnects by itself; a viewer subscribes again each time its path
 * is announced anew.
 */
export class PythonPeer {
  readonly events = new EventLog<TimedPythonEvent>();
  readonly process: PeerProcess;
  /** Of the relay it is a client of, or its own. */
  readonly url: string;
  #nextId = 1;

  private constructor(process: PeerProcess, url: string) {
    this.process = process;
    this.url = url;
    process.output.listen(({ stream, text, at }) => {
      if (stream === "stdout") this.events.push({ ...(JSON.parse(text) as PythonEvent), at });
    });
  }

  /** Connects to `url` (`https://` uses WebTransport only, `ws://` WebSocket only). */
  static async start(context: SceneContext, name: string, url: string): Promise<PythonPeer> {
    const process = await startPython(context, name);
    const peer = new PythonPeer(process, url);
    process.writeLine(JSON.stringify({ op: "connect", url }));
    await process.waitForLine(/"event": "connected"/, { timeoutMs: READY_MS });
    return peer;
  }

  /** Listens for WebTransport; what its sessions publish and what it publishes is one. */
  static async listen(context: SceneContext, name: string): Promise<PythonPeer> {
    const process = await startPython(context, name);
    const { cert, key } = context.certificate.files;
    process.writeLine(JSON.stringify({ op: "listen", cert, key }));
    const { text } = await process.waitForLine(/"event": "listening"/, { timeoutMs: READY_MS });
    const { address } = JSON.parse(text) as { readonly address: string };
    return new PythonPeer(process, `https://${address}/`);
  }

  /** Waits until `path` is announced. Resolves with the event. */
  announced(
    path: string,
    options: { readonly active?: boolean; readonly timeoutMs: number; readonly from?: number },
  ): Promise<TimedPythonEvent> {
    const active = options.active ?? true;
    return this.events.waitFor(
      (event) => event.event === "announced" && event.path === path && event.active === active,
      { ...options, what: `${path} to be ${active ? "announced" : "un-announced"} on the relay` },
    );
  }

  /** The paths announced now, sorted. */
  live(): string[] {
    const paths = new Set<string>();
    for (const event of this.events.all()) {
      if (event.event !== "announced") continue;
      if (event.active) paths.add(event.path);
      else paths.delete(event.path);
    }
    return [...paths].sort();
  }

  /** Reads a track whenever its broadcast is announced, until {@link leave}. */
  async view(
    viewer: string,
    path: string,
    track: string,
    options: { readonly maxAgeMs?: number } = {},
  ): Promise<void> {
    await this.#command({ op: "view", viewer, path, track, ...options });
  }

  async leave(viewer: string): Promise<void> {
    await this.#command({ op: "leave", viewer });
  }

  /** Stops reading without leaving. */
  async pause(viewer: string): Promise<void> {
    await this.#command({ op: "pause", viewer });
  }

  async resume(viewer: string): Promise<void> {
    await this.#command({ op: "resume", viewer });
  }

  /** Announces a broadcast with one track. */
  async publish(publication: string, path: string, track: string): Promise<void> {
    await this.#command({ op: "publish", publication, path, track });
  }

  /** Opens the next group, or the one numbered `group`. */
  async openGroup(publication: string, group?: number): Promise<void> {
    await this.#command({ op: "group", publication, ...(group === undefined ? {} : { group }) });
  }

  /** Writes a frame to the open group. */
  async write(publication: string, payload: Uint8Array | string): Promise<void> {
    const bytes = typeof payload === "string" ? Buffer.from(payload) : Buffer.from(payload);
    await this.#command({ op: "write", publication, payload: bytes.toString("base64") });
  }

  /** Writes a frame of its own text every so often from now on, with a new group every `framesPerGroup`. */
  async tick(publication: string, intervalMs: number, framesPerGroup: number): Promise<void> {
    await this.#command({ op: "tick", publication, intervalMs, framesPerGroup });
  }

  /** Ends the broadcast cleanly. */
  async finish(publication: string): Promise<void> {
    await this.#command({ op: "finish", publication });
  }

  /** The frames a viewer read so far, or a publication wrote. */
  frames(name: string, from = 0): (PythonFrame & { readonly at: number })[] {
    return this.events
      .all(from)
      .filter(
        (event) =>
          (event.event === "frame" && event.viewer === name) ||
          (event.event === "published" && event.publication === name),
      ) as (PythonFrame & TimedPythonEvent)[];
  }

  /** Waits until a viewer has read `count` frames (after `from`). */
  async framesRead(
    viewer: string,
    count: number,
    options: { readonly timeoutMs: number; readonly from?: number },
  ): Promise<(PythonFrame & { readonly at: number })[]> {
    const found = await this.events.waitForCount(
      (event) => event.event === "frame" && event.viewer === viewer,
      count,
      { ...options, what: `${count} frames at ${viewer}` },
    );
    return found as (PythonFrame & TimedPythonEvent)[];
  }

  /** Waits until a publication has said that it wrote this frame: a reader may have it before that. */
  async wrote(
    publication: string,
    frame: Pick<PythonFrame, "group" | "index"> | undefined,
    timeoutMs: number,
  ): Promise<void> {
    await this.events.waitFor(
      (event) =>
        event.event === "published" &&
        event.publication === publication &&
        event.group === frame?.group &&
        event.index === frame.index,
      { what: `${publication} to say that it wrote a frame`, timeoutMs },
    );
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.process.kill();
  }

  /** Closes the session and ends the process. */
  async stop(): Promise<void> {
    if (this.process.exit !== undefined) return;
    this.process.writeLine(JSON.stringify({ op: "quit", id: 0 }));
    await within(this.process.exited, { what: "python to end", timeoutMs: 2_000 }).catch(() =>
      this.process.kill(),
    );
  }

  async #command(command: {
    readonly op: string;
    readonly [field: string]: unknown;
  }): Promise<void> {
    const id = this.#nextId++;
    const from = this.events.length;
    this.process.writeLine(JSON.stringify({ id, ...command }));
    await this.events.waitFor((event) => event.event === "done" && event.id === id, {
      what: `python to do ${command.op}`,
      timeoutMs: READY_MS,
      from,
    });
    const failed = this.events.filter((event) => event.event === "command-error", from)[0];
    if (failed !== undefined) throw new Error(JSON.stringify(failed));
  }
}

function startPython(context: SceneContext, name: string): Promise<PeerProcess> {
  return PeerProcess.start({
    name: `python-${name}`,
    command: peerExecutable("python"),
    args: [SCRIPT],
    logFile: context.logFile(`python-${name}`),
  });
}
