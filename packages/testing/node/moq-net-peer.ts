/**
 * A publisher or a viewer over @moq/net, which needs Node.js 22 or later:
 * `publish` writes a group of 3 frames every 30 ms, `view` prints what it reads.
 * Arguments and output: `src/moq-net-peer.ts`.
 */
import * as Moq from "@moq/net";
import { connectNative } from "@moq-bridge/transport";
import { fakeWebTransport } from "../../transport/src/w3c/fake-web-transport.js";

/** What @moq/net itself offers over WebTransport. */
const PROTOCOLS = [
  ...["moq-lite-05", "moq-lite-04", "moq-lite-03", "moql"],
  ...["moqt-20", "moqt-19", "moqt-18", "moqt-17", "moqt-16", "moqt-15"],
];
const FRAMES_PER_GROUP = 3;
const GROUP_INTERVAL_MS = 30;

const [role = "", url = "", path = "", name = "", ca = ""] = process.argv.slice(2);
const connection = await connect();
print(`connected ${connection.version}`);
if (role === "publish") await publish();
else await view();

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function connect(): Promise<Moq.Connection.Established> {
  // A relay without announcements can be asked by name all the same.
  const discovery = false;
  if (url.startsWith("ws:")) {
    return Moq.Connection.connect(new URL(url), { discovery, websocket: { delay: 0 } });
  }
  // Node.js has no WebTransport: this is ours in its shape.
  const options = { protocols: PROTOCOLS, tls: { ca }, timeoutMs: 10_000 };
  const transport = fakeWebTransport(await connectNative(url, options)) as unknown;
  return Moq.Connection.connect(new URL(url), {
    discovery,
    transport: transport as NonNullable<Moq.Connection.ConnectProps["transport"]>,
  });
}

async function publish(): Promise<void> {
  const broadcast = new Moq.Broadcast.Producer();
  const track = broadcast.createTrack(name);
  connection.publish(Moq.Path.from(path), broadcast);
  print("published");
  for (;;) {
    const group = track.appendGroup();
    for (let frame = 0; frame < FRAMES_PER_GROUP; frame++) {
      const text = `${name} ${group.sequence}/${frame}`;
      const payload = new TextEncoder().encode(text);
      group.writeFrame({ payload, timestamp: Moq.Time.Timestamp.now() });
    }
    group.close();
    await new Promise((resolve) => setTimeout(resolve, GROUP_INTERVAL_MS));
  }
}

async function view(): Promise<void> {
  const track = connection.consume(Moq.Path.from(path)).subscribe(name);
  for (let group = await track.recvGroup(); group; group = await track.recvGroup()) {
    let index = 0;
    for (let frame = await group.readFrame(); frame; frame = await group.readFrame()) {
      print(`frame ${group.sequence} ${index++} ${Buffer.from(frame.payload).toString("hex")}`);
    }
  }
  print("end");
}
