import { WireError } from "@moq-bridge/moq-wire";
import {
  BIDI_STREAM,
  decodeGoaway,
  decodeSessionInfo,
  decodeSetup,
  decodeStreamType,
  encodeSetup,
  encodeStreamType,
  hasFetch,
  hasGoaway,
  hasProbe,
  hasSetupStream,
  hasTrackStream,
  hopForm,
  type Probe,
  UNI_STREAM,
} from "@moq-bridge/moq-wire/lite";
import type { Path } from "@moq-bridge/origin";
import { MoqError, quotable, type Runtime } from "@moq-bridge/runtime";
import type { BidiStream, CloseInfo, RecvStream } from "@moq-bridge/transport";
import debug from "debug";
import { SESSION_CODE, STREAM_CODE } from "./codes.js";
import type { SessionContext } from "./context.js";
import { DatagramIngress } from "./datagram-ingress.js";
import { deferred } from "./deferred.js";
import { isStreamEnd, violation } from "./errors.js";
import { GroupIngress, type GroupIngressHost, HeldBytes } from "./group-ingress.js";
import { LocalBroadcasts } from "./local-broadcasts.js";
import { MessageStream } from "./message-stream.js";
import type { LiteSession, LiteSessionOptions, LiteStats, SessionEnd } from "./options.js";
import { refuse } from "./refuse.js";
import { RemoteBroadcasts } from "./remote-broadcasts.js";
import { followProbe, tellGoaway } from "./requests.js";
import type { SetupResult } from "./setup-exchange.js";

const log = debug("moq:lite");

/** A session whose version is settled: accepts the peer's streams and hands each to its part. */
export class Session implements LiteSession {
  readonly closed: Promise<SessionEnd>;
  readonly #context: SessionContext;
  readonly #goaway = deferred<string>();
  readonly #peerSetup = deferred<void>();
  readonly #peerHeard = deferred<void>();
  readonly #peerIds = new Set<bigint>();
  readonly #ingressHost: GroupIngressHost;
  readonly #local: LocalBroadcasts;
  readonly #remote: RemoteBroadcasts | undefined;
  #setupReceived = false;

  constructor(context: SessionContext, options: LiteSessionOptions) {
    this.#context = context;
    this.#ingressHost = {
      context,
      held: new HeldBytes(context.limits.heldBytes),
      find: (id) => this.#remote?.find(id),
    };
    this.#local = new LocalBroadcasts(
      context,
      options.publish,
      this.#peerIds,
      this.#peerSetup.promise,
    );
    // Without an id of its own the peer would be told of its own broadcasts.
    const peerId = hopForm(context.version) === "chain" ? undefined : drawId(context.runtime);
    if (peerId !== undefined) this.#addPeerId(peerId);
    const host = {
      context,
      peerId,
      isOwn: (path: Path) => context.profile.echoes && this.#local.announces(path),
      peerIdKnown: (id: bigint) => this.#addPeerId(id),
    };
    this.#remote = options.subscribe && new RemoteBroadcasts(host, options.subscribe);
    this.closed = context.transport.closed.then((info) => this.#end(info));
    if (!hasSetupStream(context.version)) this.#peerSetup.resolve();
  }

  get version() {
    return this.#context.version;
  }

  get hasOrigins(): boolean {
    return hopForm(this.version) === "chain";
  }

  get announced(): Promise<void> {
    return this.#remote?.announced ?? Promise.resolve();
  }

  get goaway(): Promise<string> {
    return this.#goaway.promise;
  }

  /** Resolves when the peer's SETUP is here; at once where the version has none. Rejects with the session's end. */
  get peerSetup(): Promise<void> {
    return this.#peerSetup.promise;
  }

  /** Resolves when the peer opened its first stream. Rejects with the session's end. */
  get peerHeard(): Promise<void> {
    return this.#peerHeard.promise;
  }

  sendGoaway(uri = ""): Promise<void> {
    return tellGoaway(this.#context, uri);
  }

  probe(): AsyncGenerator<Probe, void, void> {
    return followProbe(this.#context);
  }

  close(code: number = SESSION_CODE.none, reason = ""): void {
    this.#context.transport.close(code, reason);
  }

  stats(): LiteStats {
    return { version: this.version, ...this.#context.counters };
  }

  /** Accepts unidirectional streams and sends our SETUP. */
  begin(): void {
    log("%s session as %s", this.version, this.#context.transport.side);
    this.#context.run(this.#acceptUni());
    if (hasSetupStream(this.version)) this.#context.run(this.#sendSetup());
  }

  /** Answers requests and makes our own. */
  start(setup: SetupResult | undefined): void {
    const { transport, version } = this.#context;
    this.#context.run(this.#acceptBidi());
    if (setup) this.#context.run(this.#followSessionStream(setup));
    if (this.#remote) this.#context.run(this.#remote.run());
    if (transport.capabilities.datagrams && hasTrackStream(version)) {
      this.#context.run(new DatagramIngress(this.#ingressHost).run());
    }
  }

  async #sendSetup(): Promise<void> {
    const { version, originId } = this.#context;
    const stream = await this.#context.openUni();
    const setup = encodeSetup(version, { originId, unknown: [] });
    await stream.write([encodeStreamType(UNI_STREAM.setup), setup]);
    stream.finish();
  }

  async #acceptUni(): Promise<void> {
    for (;;) {
      const stream = await this.#context.transport.acceptUni();
      if (!stream) return;
      this.#peerHeard.resolve();
      this.#context.run(this.#receiveUni(stream));
    }
  }

  async #acceptBidi(): Promise<void> {
    for (;;) {
      const stream = await this.#context.transport.acceptBidi();
      if (!stream) return;
      this.#peerHeard.resolve();
      this.#context.run(this.#receiveBidi(stream));
    }
  }

  async #receiveUni(recv: RecvStream): Promise<void> {
    try {
      const messages = new MessageStream(recv);
      const type = await messages.next(decodeStreamType);
      switch (type === undefined ? undefined : Number(type)) {
        case undefined:
          return;
        case UNI_STREAM.group:
          await this.#receiveGroup(recv, messages.rest());
          return;
        case UNI_STREAM.setup:
          if (hasSetupStream(this.version)) {
            await this.#receiveSetup(messages);
            return;
          }
      }
      this.#context.counters.unknownStreams++;
      recv.stop(STREAM_CODE.cancel);
    } catch (error) {
      if (!isStreamEnd(error)) throw error;
    }
  }

  async #receiveGroup(recv: RecvStream, first: Uint8Array): Promise<void> {
    await new GroupIngress(this.#ingressHost, recv).run(first);
  }

  async #receiveSetup(messages: MessageStream): Promise<void> {
    const { version } = this.#context;
    if (this.#setupReceived) throw violation("SETUP came twice");
    this.#setupReceived = true;
    const setup = await messages.next((cursor) => decodeSetup(version, cursor));
    if (!setup) throw violation("the SETUP stream ended without a message");
    this.#addPeerId(setup.originId ?? 0n);
    this.#peerSetup.resolve();
  }

  #addPeerId(id: bigint): void {
    if (id !== 0n) this.#peerIds.add(id);
  }

  async #receiveBidi(stream: BidiStream): Promise<void> {
    const messages = new MessageStream(stream.recv);
    try {
      const type = await messages.next(decodeStreamType);
      if (type === undefined) refuse(stream, STREAM_CODE.cancel);
      else await this.#serve(Number(type), stream, messages);
    } catch (error) {
      if (error instanceof WireError && error.kind === "unsupported") {
        this.#context.counters.unsupportedMessages++;
        refuse(stream, STREAM_CODE.cancel);
      } else if (!isStreamEnd(error)) {
        throw error;
      }
    }
  }

  async #serve(type: number, stream: BidiStream, messages: MessageStream): Promise<void> {
    const { version, counters } = this.#context;
    switch (type) {
      case BIDI_STREAM.announce:
        return this.#local.serveAnnounce(stream, messages);
      case BIDI_STREAM.subscribe:
        return this.#local.serveSubscribe(stream, messages);
      case BIDI_STREAM.track:
        if (hasTrackStream(version)) return this.#local.serveTrack(stream, messages);
        break;
      case BIDI_STREAM.goaway:
        if (hasGoaway(version)) return this.#receiveGoaway(stream, messages);
        break;
      case BIDI_STREAM.probe:
        if (!hasProbe(version)) break;
        // Nothing was measured; a report that never comes is an unknown rate.
        stream.send.finish();
        return;
      case BIDI_STREAM.fetch:
        if (hasFetch(version)) return this.#local.serveFetch(stream, messages);
        break;
    }
    counters.unknownStreams++;
    refuse(stream, STREAM_CODE.cancel);
  }

  async #receiveGoaway(stream: BidiStream, messages: MessageStream): Promise<void> {
    const { version } = this.#context;
    const goaway = await messages.next((cursor) => decodeGoaway(version, cursor));
    if (goaway) this.#goaway.resolve(goaway.uri);
    stream.send.finish();
  }

  /** SESSION_INFO says nothing we need; the end of its stream is the end of the session. */
  async #followSessionStream({ stream, messages }: SetupResult): Promise<void> {
    const { version, transport } = this.#context;
    while (await messages.next((cursor) => decodeSessionInfo(version, cursor)));
    stream.send.finish();
    transport.close(SESSION_CODE.none, "");
  }

  #end(info: CloseInfo): SessionEnd {
    const error = this.#context.failure ?? endError(info);
    const lost = error ?? new MoqError("session_closed", "the session ended", { scope: "session" });
    log("%s session ended: %s", this.version, lost.message);
    this.#peerSetup.reject(lost);
    this.#peerHeard.reject(lost);
    this.#remote?.lose(lost);
    const { by, code, reason } = info;
    return { by, code, reason, ...(error === undefined ? {} : { error }) };
  }
}

/** The error of a session we did not end because of one; `undefined` after a clean end. */
function endError({ by, code, reason }: CloseInfo): MoqError | undefined {
  if (code === SESSION_CODE.none) return undefined;
  const what = {
    local: "we closed the session",
    peer: "the peer closed the session",
    transport: "the connection was lost",
  }[by];
  const withCode = code === undefined ? "" : ` with code ${code}`;
  const because = reason === "" ? "" : `: ${quotable(reason)}`;
  const name = code === SESSION_CODE.unauthorized ? "session_unauthorized" : "session_closed";
  return new MoqError(name, `${what}${withCode}${because}`, {
    scope: "session",
    ...(code === undefined ? {} : { wireCode: code }),
  });
}

/** An id for the life of a session, from 1 to 2^53 − 1. */
function drawId(runtime: Runtime): bigint {
  return 1n + BigInt(Math.floor(runtime.random() * (Number.MAX_SAFE_INTEGER - 1)));
}
