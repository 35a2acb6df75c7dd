// @moq/qmux as a peer, run by Node.js 24: `qmux-peer.mjs client URL FRAMING PROTOCOL`
// or `qmux-peer.mjs server FRAMING PROTOCOL`. Prints what happens as JSON lines.
//
// It echoes every bidirectional stream, and answers every unidirectional stream
// with one of its own that has the same content. Contents "reset CODE" and
// "stop CODE" on a bidirectional stream ask it to abandon that half.
import Session, { StreamError, selectSubprotocol } from "@moq/qmux";
import { WebSocketServer } from "ws";

const [role, ...args] = process.argv.slice(2);

function print(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

async function readAll(readable) {
  const chunks = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function answerUni(session, readable) {
  const content = await readAll(readable);
  const writable = await session.createUnidirectionalStream();
  const writer = writable.getWriter();
  await writer.write(content);
  await writer.close();
}

async function answerBidi({ readable, writable }) {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  writer.closed.catch((error) => print({ event: "stopped", code: error.streamErrorCode }));
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      print({ event: "reset", code: error.streamErrorCode });
      return { done: true };
    });
    if (done) break;
    const [command, code] = value.byteLength < 32 ? Buffer.from(value).toString().split(" ") : [];
    if (command === "reset") return writer.abort(new StreamError(Number(code)));
    if (command === "stop") return reader.cancel(new StreamError(Number(code)));
    await writer.write(value);
  }
  await writer.close().catch(() => {});
}

async function each(readable, handle) {
  try {
    for await (const value of readable) {
      handle(value).catch((error) => print({ event: "error", message: String(error) }));
    }
  } catch {
    // The session has ended, which `closed` tells.
  }
}

async function serve(session) {
  await session.ready;
  print({ event: "ready", protocol: session.protocol });
  void each(session.incomingBidirectionalStreams, answerBidi);
  void each(session.incomingUnidirectionalStreams, (stream) => answerUni(session, stream));
  try {
    print({ event: "closed", ...(await session.closed) });
  } catch (error) {
    print({ event: "failed", message: String(error) });
  }
  process.exit(0);
}

if (role === "client") {
  const [url, framing, protocol] = args;
  const options = {
    protocols: [protocol],
    versions: { [protocol]: framing },
    requireProtocol: true,
  };
  await serve(new Session(url, options));
} else {
  const [framing, protocol] = args;
  const options = { protocols: [protocol], versions: { [protocol]: framing } };
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    perMessageDeflate: false,
    handleProtocols: (offered) => selectSubprotocol([...offered], options) ?? false,
  });
  server.on("listening", () => print({ event: "listening", port: server.address().port }));
  server.on("connection", (socket) => serve(Session.accept(socket)));
}

// The parent's end is ours.
process.stdin.on("end", () => process.exit(0)).resume();
