import {
  type BridgeOptions,
  type BridgeProcess,
  type Clock,
  type IetfRelay,
  type MoqRelay,
  type PythonFrame,
  type RegistryServer,
  Scene,
} from "@moq-bridge/testing";
import { expect } from "vitest";

/** How the bridge and the viewers reach moq-relay. */
export const SCHEMES = ["https", "ws"] as const;
export type Scheme = (typeof SCHEMES)[number];

/** Detection of a killed peer plus recovery (decision 15), in milliseconds. */
export const BACK_AFTER_KILL_MS = { https: 6_000 + 3_000, ws: 3_000 } as const;

/** Time for a busy machine to start processes and exchange a few messages, where no limit is under test. */
export const PATIENCE_MS = 20_000;

/** Runs a test with peers of its own and ends all of them. */
export async function inScene(title: string, body: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = await Scene.create(title);
  try {
    await body(scene);
  } finally {
    await scene.end();
  }
}

/** Both real relays, a registry, and the bridge between them. */
export interface Bridged {
  readonly relay: MoqRelay;
  readonly ietf: IetfRelay;
  readonly registry: RegistryServer;
  readonly bridge: BridgeProcess;
  /** moq-relay's address, for the bridge and for clients alike. */
  readonly relayUrl: string;
}

export async function startBridged(
  scene: Scene,
  scheme: Scheme,
  options: BridgeOptions = {},
): Promise<Bridged> {
  const [relay, ietf, registry] = await Promise.all([
    scene.moqRelay(),
    scene.ietfRelay(),
    scene.registry(),
  ]);
  const relayUrl = relayUrlOf(relay, scheme);
  const bridge = await scene.bridge({
    relayUrl,
    cloudflareUrl: ietf.url,
    registryUrl: registry.url,
    ...options,
  });
  return { relay, ietf, registry, bridge, relayUrl };
}

export function relayUrlOf(relay: MoqRelay, scheme: Scheme): string {
  return scheme === "https" ? relay.httpsUrl : relay.wsUrl;
}

/** A clock publisher that moq-relay-ietf has accepted. */
export async function startClock(
  scene: Scene,
  ietf: IetfRelay,
  namespace: string,
  timeoutMs = PATIENCE_MS,
): Promise<Clock> {
  const from = ietf.control.length;
  const clock = await scene.clock({ url: ietf.url, namespace, publish: true });
  await ietf.received("PUBLISH_NAMESPACE", namespace, { timeoutMs, from });
  return clock;
}

/** The text of a frame carried whole. */
export function textOf(frame: PythonFrame): string {
  return Buffer.from(frame.payload ?? "", "base64").toString();
}

/** The lines a clock's frames stand for, as moq-clock-ietf prints them, in the order read. */
export function clockLines(frames: readonly PythonFrame[]): string[] {
  const bases = new Map<number, string>();
  const lines: string[] = [];
  for (const frame of frames) {
    if (frame.index === 0) bases.set(frame.group, textOf(frame));
    else lines.push(`${bases.get(frame.group) ?? "no first object "}${textOf(frame)}`);
  }
  return lines;
}

/** Checks that these frames are lines that a clock printed one after the other. */
export async function expectRun(frames: readonly PythonFrame[], clock: Clock): Promise<void> {
  const lines = clockLines(frames);
  await clock.printed(lines.at(-1), PATIENCE_MS);
  const printed = clock.ticks.all();
  const start = printed.indexOf(lines[0] ?? "");
  expect(lines).toEqual(printed.slice(start, start + lines.length));
}

/** Checks that what the bridge printed is for people: no stack traces, none of the secrets. */
export function expectCleanOutput(bridge: BridgeProcess, ...secrets: string[]): void {
  const text = bridge.text;
  expect(text).not.toMatch(/^\s+at .+:\d+/m);
  expect(text).not.toMatch(/UnhandledPromiseRejection|node:internal/);
  for (const secret of secrets) expect(text).not.toContain(secret);
}
