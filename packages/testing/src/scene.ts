import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BridgeOptions, BridgeProcess } from "./bridge-process.js";
import { createCertificate, type TestCertificate } from "./certificates.js";
import { Clock, type ClockOptions } from "./clock.js";
import { IetfRelay } from "./ietf-relay.js";
import { type MoqNetOptions, MoqNetPeer } from "./moq-net-peer.js";
import { MoqRelay, type MoqRelayOptions } from "./moq-relay.js";
import { OldMoqRelay, type OldMoqRelayOptions } from "./old-moq-relay.js";
import { PythonPeer } from "./python-peer.js";
import { type RegistryRow, RegistryServer } from "./registry-server.js";
import { TcpProxy } from "./tcp-proxy.js";
import { UdpProxy } from "./udp-proxy.js";

/** What every peer of one test shares. */
export interface SceneContext {
  /** Temporary, removed at the end. */
  readonly folder: string;
  /** The servers' certificate, good for `localhost` and 127.0.0.1. */
  readonly certificate: TestCertificate;
  /** Where the peer of that name writes its log; kept after the test. */
  logFile(name: string): string;
  /** Runs at the end of the test, in reverse order. */
  onEnd(cleanup: () => Promise<unknown>): void;
}

/** Starts peers for one test and ends all of them, the latest first. */
export class Scene implements SceneContext {
  readonly folder: string;
  readonly certificate: TestCertificate;
  readonly #logFolder: string;
  readonly #cleanups: (() => Promise<unknown>)[] = [];

  private constructor(folder: string, certificate: TestCertificate, logFolder: string) {
    this.folder = folder;
    this.certificate = certificate;
    this.#logFolder = logFolder;
  }

  /** @param title the test's name; its logs go to `test-output/logs/<title>/` */
  static async create(title: string): Promise<Scene> {
    const folder = await mkdtemp(join(tmpdir(), "moq-bridge-test-"));
    const slug = title.replace(/[^A-Za-z0-9]+/g, "-").slice(0, 80);
    const logFolder = join(process.cwd(), "test-output", "logs", slug);
    await rm(logFolder, { recursive: true, force: true });
    await mkdir(logFolder, { recursive: true });
    return new Scene(folder, await createCertificate(folder, "server"), logFolder);
  }

  logFile(name: string): string {
    return join(this.#logFolder, `${name}.log`);
  }

  onEnd(cleanup: () => Promise<unknown>): void {
    this.#cleanups.push(cleanup);
  }

  async moqRelay(options?: MoqRelayOptions): Promise<MoqRelay> {
    return this.#own(await MoqRelay.start(this, options));
  }

  async oldMoqRelay(options?: OldMoqRelayOptions): Promise<OldMoqRelay> {
    return this.#own(await OldMoqRelay.start(this, options));
  }

  async ietfRelay(): Promise<IetfRelay> {
    return this.#own(await IetfRelay.start(this));
  }

  async clock(options: ClockOptions): Promise<Clock> {
    return this.#own(await Clock.start(this, options));
  }

  async python(name: string, url: string): Promise<PythonPeer> {
    return this.#own(await PythonPeer.start(this, name, url));
  }

  async pythonServer(name: string): Promise<PythonPeer> {
    return this.#own(await PythonPeer.listen(this, name));
  }

  async moqNet(options: MoqNetOptions): Promise<MoqNetPeer> {
    return this.#own(await MoqNetPeer.start(this, options));
  }

  async registry(rows?: RegistryRow[]): Promise<RegistryServer> {
    return this.#own(await RegistryServer.start(rows));
  }

  /** Starts `moq-bridge run` between two peers (or what `options` says). */
  async bridge(options: BridgeOptions): Promise<BridgeProcess> {
    return this.#own(await BridgeProcess.start(this, options));
  }

  /** A proxy in front of a UDP port. */
  async udpProxy(target: number): Promise<UdpProxy> {
    return this.#own(await UdpProxy.start(target));
  }

  /** A proxy in front of a TCP port. */
  async tcpProxy(target: number): Promise<TcpProxy> {
    return this.#own(await TcpProxy.start(target));
  }

  /** Ends everything; the first failure is thrown after the rest was ended too. */
  async end(): Promise<void> {
    const failures: unknown[] = [];
    for (const cleanup of this.#cleanups.splice(0).reverse()) {
      await cleanup().catch((error: unknown) => failures.push(error));
    }
    await rm(this.folder, { recursive: true, force: true });
    if (failures.length > 0) throw failures[0];
  }

  #own<T extends { stop(): Promise<unknown> }>(peer: T): T {
    this.onEnd(() => peer.stop());
    return peer;
  }
}
