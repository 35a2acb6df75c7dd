import { MoqError, VirtualRuntime } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { type ConnectErrorCode, connectError } from "../connect-error.js";
import { memoryPair } from "../memory/memory-pair.js";
import type { Connect, ConnectOptions } from "../transport.js";
import { connectRelay } from "./connect-relay.js";

const OPTIONS: ConnectOptions = { protocols: ["moq-lite-05"], timeoutMs: 10_000 };
const SESSION = memoryPair({ runtime: new VirtualRuntime() }).client;

/** A backend that records its calls and succeeds, or fails with `error`. */
function backend(error?: unknown) {
  const calls: { url: string; options: ConnectOptions }[] = [];
  const connect: Connect = async (url, options) => {
    calls.push({ url, options });
    if (error !== undefined) throw error;
    return SESSION;
  };
  return { connect, calls };
}

function failing(code: ConnectErrorCode, message = code as string) {
  return backend(connectError(code, message));
}

describe("the choice of a transport", () => {
  it("is WebTransport for https", async () => {
    const native = backend();
    const webSocket = backend();
    const tls = { fingerprints: ["ab"] };
    const result = await connectRelay("https://relay.example/room?jwt=x#y", {
      ...OPTIONS,
      tls,
      idleTimeoutMs: 5,
      keepAliveMs: 6,
      backends: { native: native.connect, webSocket: webSocket.connect },
    });
    expect(result).toEqual({ session: SESSION, transport: "webtransport", fellBack: undefined });
    expect(native.calls).toEqual([
      {
        url: "https://relay.example/room?jwt=x",
        options: { ...OPTIONS, timeoutMs: 3_000, tls, idleTimeoutMs: 5, keepAliveMs: 6 },
      },
    ]);
    expect(webSocket.calls).toEqual([]);
  });

  it.each(["wss://relay.example/room", "ws://localhost:4443/room?jwt=secret"])(
    "is WebSocket alone for %s",
    async (url) => {
      const native = backend();
      const webSocket = backend();
      const backends = { native: native.connect, webSocket: webSocket.connect };
      const result = await connectRelay(url, { ...OPTIONS, backends });
      expect(result).toEqual({ session: SESSION, transport: "websocket", fellBack: undefined });
      expect(webSocket.calls).toEqual([{ url, options: OPTIONS }]);
      expect(native.calls).toEqual([]);
    },
  );

  it.each(["http://relay.example/", "moqt://relay.example/", "relay.example", "?jwt=secret"])(
    "refuses the URL %s",
    async (url) => {
      const error = await connectRelay(url, OPTIONS).catch((thrown) => thrown);
      expect(error).toMatchObject({ name: "MoqError", code: "connect_url" });
      expect(error.message).not.toContain("secret");
    },
  );
});

describe("falling back", () => {
  it.each(["connect_unsupported", "connect_unanswered"] as const)(
    "goes to wss with the same trust and its own time after %s",
    async (code) => {
      const native = failing(code, "nothing there");
      const webSocket = backend();
      const tls = { ca: "PEM" };
      const result = await connectRelay("https://relay.example:4443/room?jwt=x", {
        ...OPTIONS,
        tls,
        backends: { native: native.connect, webSocket: webSocket.connect },
      });
      expect(result.transport).toBe("websocket");
      expect(result.fellBack).toMatchObject({ code, message: "nothing there" });
      expect(webSocket.calls).toEqual([
        { url: "wss://relay.example:4443/room?jwt=x", options: { ...OPTIONS, tls } },
      ]);
    },
  );

  it("happens without any QUIC backend", async () => {
    const webSocket = backend();
    const backends = { webSocket: webSocket.connect };
    const result = await connectRelay("https://relay.example/", { ...OPTIONS, backends });
    expect(result.fellBack).toMatchObject({ code: "connect_unsupported" });
    expect(webSocket.calls[0]?.url).toBe("wss://relay.example/");
  });

  it.each(["connect_tls", "connect_http", "connect_refused", "connect_aborted"] as const)(
    "never happens after %s",
    async (code) => {
      const native = failing(code);
      const webSocket = backend();
      const backends = { native: native.connect, webSocket: webSocket.connect };
      await expect(
        connectRelay("https://relay.example/", { ...OPTIONS, backends }),
      ).rejects.toMatchObject({ code });
      expect(webSocket.calls).toEqual([]);
    },
  );

  it("never happens after an error that is not understood", async () => {
    const native = backend(new TypeError("broken"));
    const webSocket = backend();
    const backends = { native: native.connect, webSocket: webSocket.connect };
    await expect(
      connectRelay("https://relay.example/", { ...OPTIONS, backends }),
    ).rejects.toMatchObject({ name: "MoqError", message: "broken" });
    expect(webSocket.calls).toEqual([]);
  });

  it.each([
    ["https://relay.example/", { fallback: false }],
    ["https://draft-14.cloudflare.mediaoverquic.com/", {}],
    ["https://MediaOverQuic.com./", {}],
  ])("is not allowed for %s with %j, which gets the whole time", async (url, extra) => {
    const native = failing("connect_unanswered");
    const webSocket = backend();
    const backends = { native: native.connect, webSocket: webSocket.connect };
    await expect(connectRelay(url, { ...OPTIONS, ...extra, backends })).rejects.toMatchObject({
      code: "connect_unanswered",
    });
    expect(native.calls[0]?.options.timeoutMs).toBe(10_000);
    expect(webSocket.calls).toEqual([]);
  });

  it("does not begin once given up", async () => {
    const stop = new AbortController();
    const webSocket = backend();
    const native: Connect = async () => {
      stop.abort();
      throw connectError("connect_unanswered", "nothing there");
    };
    const backends = { native, webSocket: webSocket.connect };
    await expect(
      connectRelay("https://relay.example/", { ...OPTIONS, signal: stop.signal, backends }),
    ).rejects.toMatchObject({ code: "connect_unanswered" });
    expect(webSocket.calls).toEqual([]);
  });

  it("says what happened on both ways when WebSocket fails too, with its code", async () => {
    const native = failing("connect_unanswered", "no answer over QUIC");
    const refused = connectError("connect_http", "relay.example answered 401", { wireCode: 401 });
    const backends = { native: native.connect, webSocket: backend(refused).connect };
    await expect(
      connectRelay("https://relay.example/", { ...OPTIONS, backends }),
    ).rejects.toMatchObject({
      code: "connect_http",
      wireCode: 401,
      message: "no answer over QUIC; over WebSocket: relay.example answered 401",
    });
  });
});

describe("security", () => {
  const backends = () => {
    const used = backend();
    return { used, backends: { native: used.connect, webSocket: used.connect } };
  };

  it.each([
    "https://draft-14.cloudflare.mediaoverquic.com/",
    "https://mediaoverquic.com/",
    "wss://x.mediaoverquic.com./",
  ])("does not leave the certificate of %s unverified", async (url) => {
    const { used, backends: both } = backends();
    await expect(
      connectRelay(url, { ...OPTIONS, tls: { insecure: true }, backends: both }),
    ).rejects.toMatchObject({ code: "connect_insecure" });
    expect(used.calls).toEqual([]);
  });

  it("takes another host that only looks alike for what it is", async () => {
    const { backends: both } = backends();
    const options = { ...OPTIONS, tls: { insecure: true }, backends: both };
    await connectRelay("https://notmediaoverquic.com/", options);
  });

  it("keeps a token off ws beyond loopback, unless told otherwise", async () => {
    const { used, backends: both } = backends();
    const url = "ws://relay.example/room?jwt=very-secret";
    const error = await connectRelay(url, { ...OPTIONS, backends: both }).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: "MoqError", code: "connect_insecure" });
    expect(error.message).not.toContain("very-secret");
    expect(used.calls).toEqual([]);

    await connectRelay(url, { ...OPTIONS, insecureWs: true, backends: both });
    await connectRelay("ws://relay.example/room", { ...OPTIONS, backends: both });
    expect(used.calls).toHaveLength(2);
  });

  it.each(["ws://localhost/?jwt=x", "ws://127.0.0.2:80/?jwt=x", "ws://[::1]:80/?jwt=x"])(
    "sends a token to loopback: %s",
    async (url) => {
      const { used, backends: both } = backends();
      await connectRelay(url, { ...OPTIONS, backends: both });
      expect(used.calls).toHaveLength(1);
    },
  );

  it.each(["ws://127.evil.example/?jwt=x", "ws://localhost.evil.example/?jwt=x"])(
    "is not fooled by a name like loopback's: %s",
    async (url) => {
      const { backends: both } = backends();
      await expect(connectRelay(url, { ...OPTIONS, backends: both })).rejects.toMatchObject({
        code: "connect_insecure",
      });
    },
  );

  it("shows no token of the URL, whatever a backend says", async () => {
    const native = backend(
      new MoqError("connect_http", "GET /?jwt=very-secret: 401", {
        scope: "session",
        wireCode: 401,
      }),
    );
    const error = await connectRelay("https://relay.example/?jwt=very-secret", {
      ...OPTIONS,
      backends: { native: native.connect, webSocket: backend().connect },
    }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "connect_http", wireCode: 401 });
    expect(error.message).toBe("GET /?jwt=…: 401");
  });
});
