// Measures the QUIC addon between two processes over loopback, after `npm run build`:
//   node packages/transport/bench/native.mjs [streams] [megabytes]
// Prints streams of 1 kB per second, MB/s on 1 MB streams, and how many cores each side used.
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectNative, listenNative } from "@moq-bridge/transport";

const SHORT_BYTES = 1_000;
const LONG_BYTES = 1_000_000;

if (process.send) await serve();
else await measure(Number(process.argv[2] ?? 60_000), Number(process.argv[3] ?? 600));

async function serve() {
  const [{ cert, key }] = await once(process, "message");
  const server = await listenNative({
    host: "127.0.0.1",
    port: 0,
    identity: { cert, key },
    protocols: [],
  });
  process.on("message", () => process.send(process.cpuUsage()));
  process.send(server.port);
  for (let session = await server.accept(); session; session = await server.accept()) {
    void readStreams(session);
  }
}

async function readStreams(session) {
  for (let stream = await session.acceptUni(); stream; stream = await session.acceptUni()) {
    void readToEnd(stream);
  }
}

async function readToEnd(stream) {
  while (await stream.read());
}

async function measure(streams, megabytes) {
  const identity = makeIdentity();
  const child = fork(fileURLToPath(import.meta.url));
  child.send(identity);
  const [port] = await once(child, "message");
  const session = await connectNative(`https://127.0.0.1:${port}/`, {
    protocols: [],
    tls: { insecure: true },
    timeoutMs: 5_000,
  });
  const cpu = async () => {
    child.send("cpu");
    const [server] = await once(child, "message");
    return [process.cpuUsage(), server].map(({ user, system }) => (user + system) / 1e6);
  };
  const run = async (label, count, bytes, parallel, unit) => {
    const payload = new Uint8Array(bytes);
    let left = count;
    const before = await cpu();
    const start = process.hrtime.bigint();
    await Promise.all(
      Array.from({ length: parallel }, async () => {
        while (left > 0) {
          left -= 1;
          const stream = await session.openUni();
          await stream.write(payload);
          stream.finish();
          await stream.finished;
        }
      }),
    );
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    const [client, server] = (await cpu()).map((after, side) => (after - before[side]) / seconds);
    const figure = unit(count / seconds, (count * bytes) / seconds / 1e6);
    const cores = `cores: sender ${client.toFixed(2)}, receiver ${server.toFixed(2)}`;
    process.stdout.write(`${label.padEnd(16)} ${figure.padEnd(18)} ${cores}\n`);
  };
  const perSecond = (rate) => `${Math.round(rate)} streams/s`;
  const throughput = (_, rate) => `${Math.round(rate)} MB/s`;
  await run("warm-up", Math.ceil(streams / 10), SHORT_BYTES, 64, perSecond);
  await run("1 kB streams", streams, SHORT_BYTES, 64, perSecond);
  await run("1 MB streams", megabytes, LONG_BYTES, 4, throughput);
  session.close(0, "");
  await session.closed;
  child.kill();
}

function makeIdentity() {
  const folder = mkdtempSync(join(tmpdir(), "moq-bridge-bench-"));
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  const request =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x";
  execFileSync("openssl", [...request.split(" "), "-keyout", files.key, "-out", files.cert], {
    stdio: "ignore",
  });
  const identity = { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8") };
  rmSync(folder, { recursive: true });
  return identity;
}
