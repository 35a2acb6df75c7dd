// A publisher or a viewer over @moq/net, which needs Node.js 22 or later.
// `publish <url> <path> <track>` writes a group of 3 frames every 30 ms;
// `view <url> <path> <track>` prints what it reads: `frame <group> <hex>`.
import * as Moq from "@moq/net";

function print(line) {
  process.stdout.write(`${line}\n`);
}

const [role, url, path, name] = process.argv.slice(2);
const connection = await Moq.Connection.connect(new URL(url), { websocket: { delay: 0 } });
print(`connected ${connection.version}`);

if (role === "publish") {
  const broadcast = new Moq.Broadcast.Producer();
  const track = broadcast.createTrack(name);
  connection.publish(Moq.Path.from(path), broadcast);
  print("published");
  void serve(track);
} else {
  const broadcast = connection.consume(Moq.Path.from(path));
  const track = broadcast.subscribe(name);
  for (;;) {
    const group = await track.recvGroup();
    if (!group) break;
    for (let frame = await group.readFrame(); frame; frame = await group.readFrame()) {
      print(`frame ${group.sequence} ${Buffer.from(frame.payload).toString("hex")}`);
    }
  }
  print("end");
}

async function serve(track) {
  for (let sequence = 0; sequence < 200; sequence++) {
    const group = track.appendGroup();
    for (let frame = 0; frame < 3; frame++) {
      const payload = new TextEncoder().encode(`${name} ${sequence}/${frame}`);
      group.writeFrame({ payload, timestamp: Moq.Time.Timestamp.now() });
    }
    group.close();
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
