import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
// By path: see fixture.ts.
import { PeerProcess } from "../../testing/src/peer-process.js";
import { peerExecutable } from "../../testing/src/peers/locate.js";
import { freePort } from "../../testing/src/ports.js";
import { present } from "../src/compliance/subject.js";
import { connectNative } from "../src/native/native-connect.js";
import { type Fixture, startFixture } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

const connect = (url: string, protocols: readonly string[]) =>
  connectNative(url, { protocols, tls: { ca: fixture.certificate.ca }, timeoutMs: 10_000 });

describe("moq-relay-ietf 0.7.19", () => {
  let relay: PeerProcess;
  let url: string;
  beforeAll(async () => {
    const { certificate, folder } = fixture;
    const address = `127.0.0.1:${await freePort()}`;
    url = `https://${address}/`;
    relay = await PeerProcess.start({
      name: "moq-relay-ietf",
      command: peerExecutable("moq-relay-ietf"),
      args: [
        ...["--bind", address],
        ...["--tls-cert", certificate.files.cert],
        ...["--tls-key", certificate.files.key],
        ...["--coordinator-file", join(folder, "coordinator.json")],
      ],
      logFile: join(folder, "moq-relay-ietf.log"),
    });
    await relay.waitForLine(/listening on/, { timeoutMs: 15_000 });
  });
  afterAll(() => relay.stop());

  it.each([[[]], [["moq-00"]]])("accepts the offer %j without choosing", async (protocols) => {
    const session = await connect(url, protocols);
    expect(session.protocol).toBeUndefined();
    // CLIENT_SETUP (0x20) with versions [draft-14] and no parameters is answered by SERVER_SETUP.
    const { send, recv } = await session.openBidi();
    const body = [1, 0xc0, 0, 0, 0, 0xff, 0, 0, 0x0e, 0];
    await send.write(Uint8Array.of(0x20, 0, body.length, ...body));
    expect(present(await recv.read())[0]).toBe(0x21);
    session.close(0, "");
    expect(await session.closed).toMatchObject({ by: "local", code: 0 });
  });

  it("that is killed is noticed as a loss", async () => {
    const session = await connectNative(url, {
      protocols: [],
      tls: { ca: fixture.certificate.ca },
      timeoutMs: 10_000,
      idleTimeoutMs: 1_500,
      keepAliveMs: 300,
    });
    await relay.kill();
    expect(await session.closed).toMatchObject({ by: "transport", code: undefined });
  });
});

describe("moq-relay 0.17.10", () => {
  let relay: PeerProcess;
  let address: string;
  beforeAll(async () => {
    const { certificate, folder } = fixture;
    address = `127.0.0.1:${await freePort()}`;
    relay = await PeerProcess.start({
      name: "moq-relay",
      command: peerExecutable("moq-relay"),
      args: [
        ...["--listen", address, "--web-http-listen", address],
        ...["--listen-tls-cert", certificate.files.cert],
        ...["--listen-tls-key", certificate.files.key],
        ...["--auth-public", "**"],
      ],
      logFile: join(folder, "moq-relay.log"),
    });
    await relay.waitForLine(/listening.*kind="quic"/, { timeoutMs: 15_000 });
  });
  afterAll(() => relay.stop());

  it.each(["moq-lite-05", "moq-lite-06", "moq-00"])("agrees to %s", async (protocol) => {
    const session = await connect(`https://${address}/`, ["unheard-of", protocol]);
    expect(session.protocol).toBe(protocol);
    session.close(0, "done");
    expect(await session.closed).toEqual({ by: "local", code: 0, reason: "done" });
  });
});
