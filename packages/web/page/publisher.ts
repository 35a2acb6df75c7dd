import { type BroadcastProducer, Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { type Address, paceOf } from "./connection.js";
import { inWords, keepConnected } from "./keep-connected.js";
import { AudioPublisher, SOUND } from "./media/audio-publisher.js";
import type { Camera } from "./media/camera.js";
import { CATALOG_TRACK, encodeCatalog } from "./media/catalog.js";
import { GroupNumbers } from "./media/group-numbers.js";
import { drawPattern, PICTURE } from "./media/pattern.js";
import { toneFrame } from "./media/tone.js";
import { VideoPublisher } from "./media/video-publisher.js";
import { publishOnce } from "./publish-once.js";
import { endLease, holdLease, type LeaseOptions } from "./registry-lease.js";

/** What a publisher knows, for the status line. */
export interface PublisherStatus {
  readonly state: "connecting" | "publishing" | "interrupted";
  readonly trouble: string;
  /** What is wrong with the registry, or empty. */
  readonly registryTrouble: string;
  readonly transport: string;
  readonly pictures: number;
}

/** What a {@link Publisher} is set up with. */
export interface PublisherOptions {
  readonly address: Address;
  readonly name: string;
  /** The registry's folder of addresses; without it nobody is told. */
  readonly registry?: string;
  /** Without it a pattern and a tone are published. */
  readonly camera?: Camera;
  readonly canvas: HTMLCanvasElement;
  readonly onStatus: (status: PublisherStatus) => void;
}

const CATALOG_INTERVAL_MS = 1_000;
const SOUND_FRAME_MS = (1_000 * SOUND.samplesPerFrame) / SOUND.sampleRate;
/** After a stall longer than this, sound goes on with the present, in milliseconds. */
const LONGEST_CATCH_UP_MS = 500;

/** A relay announces what it has; of Cloudflare's side the registry alone tells. */
const UNLISTED = "No registry is told of it, so the bridge may not carry it.";

/** Publishes one stream until it is told to stop; connects again whenever a session ends. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #stopped = new AbortController();
  readonly #origin = new Origin({ runtime });
  readonly #broadcast: BroadcastProducer;
  readonly #video: VideoPublisher;
  readonly #audio: AudioPublisher;
  readonly #context: CanvasRenderingContext2D;
  #counter = 0;
  #soundFrame = 0;
  #soundAt = runtime.wallClock();
  #status: PublisherStatus = {
    state: "connecting",
    trouble: "",
    registryTrouble: "",
    transport: "",
    pictures: 0,
  };

  /** @throws {Error} a sentence, where this browser cannot encode */
  static async start(options: PublisherOptions): Promise<Publisher> {
    // WebKitGTK 2.50 dies when its first codec is a video encoder: sound comes first.
    await AudioPublisher.check();
    await VideoPublisher.check();
    return new Publisher(options);
  }

  private constructor(options: PublisherOptions) {
    const { canvas } = options;
    canvas.width = PICTURE.width;
    canvas.height = PICTURE.height;
    // The encoder reads every picture.
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("This browser cannot draw.");
    this.#options = options;
    if (!options.registry && options.address.side === "cloudflare") {
      this.#status = { ...this.#status, registryTrouble: UNLISTED };
    }
    this.#context = context;
    this.#broadcast = this.#origin.createBroadcast(options.name);
    const fail = (error: unknown) => this.#update({ trouble: inWords(error) });
    this.#audio = new AudioPublisher(this.#broadcast.createTrack("audio"), fail);
    this.#video = new VideoPublisher(this.#broadcast.createTrack("video"), fail);
    this.#repeat(CATALOG_INTERVAL_MS, this.#catalogWriter());
    this.#repeat(1_000 / PICTURE.framesPerSecond, () => this.#drawPicture());
    if (options.camera) options.camera.onSamples((samples, at) => this.#audio.encode(samples, at));
    else this.#repeat(SOUND_FRAME_MS, () => this.#makeTone());
    this.#connect();
  }

  /** Ends the stream and says so. Works while the page is being closed, too. */
  stop(): void {
    if (this.#stopped.signal.aborted) return;
    const lease = this.#lease;
    if (lease) endLease(lease);
    this.#broadcast.finish();
    this.#stopped.abort();
    this.#video.close();
    this.#audio.close();
    this.#options.camera?.stop();
  }

  get #lease(): LeaseOptions | undefined {
    const { registry: url, address, name } = this.#options;
    if (!url) return undefined;
    return {
      url,
      side: address.side,
      name,
      onTrouble: (registryTrouble) => this.#update({ registryTrouble }),
    };
  }

  #connect(): void {
    const { address, name } = this.#options;
    const { signal } = this.#stopped;
    const onConnected = (transport: string) =>
      this.#update({ state: "publishing", transport, trouble: "" });
    void keepConnected(() => publishOnce(address, name, this.#origin, onConnected, signal), {
      signal,
      longestDelayMs: paceOf(address).longestDelayMs,
      onTrouble: (trouble) => this.#update({ state: "interrupted", trouble }),
    });
    const lease = this.#lease;
    if (lease) void holdLease(lease, signal);
  }

  /** Repeated, for viewers who join late get what is newest. */
  #catalogWriter(): () => void {
    const track = this.#broadcast.createTrack(CATALOG_TRACK);
    const groups = new GroupNumbers(track, runtime.wallClock());
    const { width, height } = PICTURE;
    const { sampleRate, numberOfChannels } = SOUND;
    const payload = encodeCatalog({
      video: { name: "video", codec: "vp8", width, height },
      audio: { name: "audio", codec: "opus", sampleRate, numberOfChannels },
    });
    return () => {
      const group = groups.open();
      group?.writeFrame(payload);
      group?.finish();
    };
  }

  #drawPicture(): void {
    const { camera, canvas, name, address } = this.#options;
    this.#counter += 1;
    if (camera) camera.draw(this.#context, PICTURE);
    else {
      const look = { side: address.side, label: name };
      drawPattern(this.#context, this.#counter, runtime.wallClock(), look);
    }
    this.#video.encode(canvas);
    this.#update({ pictures: this.#video.frames });
  }

  #makeTone(): void {
    const now = runtime.wallClock();
    if (now - this.#soundAt > LONGEST_CATCH_UP_MS) this.#soundAt = now;
    for (; this.#soundAt <= now; this.#soundAt += SOUND_FRAME_MS) {
      this.#audio.encode(toneFrame(this.#soundFrame++), Math.round(this.#soundAt * 1_000));
    }
  }

  /** By the clock, so that late timers do not add up. */
  #repeat(intervalMs: number, action: () => void): void {
    const { signal } = this.#stopped;
    let due = runtime.now();
    const turn = () => {
      if (signal.aborted) return;
      action();
      due = Math.max(due + intervalMs, runtime.now());
      runtime.setTimer(due - runtime.now(), turn);
    };
    turn();
  }

  #update(change: Partial<PublisherStatus>): void {
    if (this.#stopped.signal.aborted) return;
    this.#status = { ...this.#status, ...change };
    this.#options.onStatus(this.#status);
  }
}
