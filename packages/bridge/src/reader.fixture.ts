import type { GroupConsumer, Origin, TrackConsumer } from "@moq-bridge/origin";

/** Reads everything a track has to give, for as long as the test runs. */
export class Reader {
  /** Each frame as `group:text`. */
  readonly frames: string[] = [];
  error: unknown;
  readonly track: TrackConsumer;

  constructor(origin: Origin, path: string, track = "t") {
    const broadcast = origin.broadcast(path);
    if (!broadcast) throw new Error(`${path} is not announced`);
    this.track = broadcast.subscribe(track);
    this.#read().catch((error) => {
      this.error = error;
    });
  }

  async #read(): Promise<void> {
    for (;;) {
      const group = await this.track.nextGroup();
      if (!group) return;
      await this.#readGroup(group).catch(() => undefined);
    }
  }

  async #readGroup(group: GroupConsumer): Promise<void> {
    for (;;) {
      const frame = await group.readFrame();
      if (!frame) return;
      this.frames.push(`${group.sequence}:${new TextDecoder().decode(frame.payload)}`);
    }
  }
}
