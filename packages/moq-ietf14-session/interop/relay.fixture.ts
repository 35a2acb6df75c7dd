import { Origin, type TrackProducer } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { connectNative } from "@moq-bridge/transport";
import type { Scene } from "../../testing/src/scene.js";
import { within } from "../../testing/src/wait.js";
import {
  cloudflare,
  connectIetf14,
  IETF14_PROTOCOLS,
  type Ietf14Session,
  type PeerProfile,
} from "../src/index.js";

const SOON = 10_000;

/** Opens a session with a relay of the scene, which ends with it. */
export async function connectTo(
  scene: Scene,
  url: string,
  profile: PeerProfile = cloudflare,
): Promise<Ietf14Session> {
  const transport = await connectNative(url, {
    protocols: IETF14_PROTOCOLS,
    tls: { ca: scene.certificate.ca },
    timeoutMs: SOON,
  });
  const session = await connectIetf14(transport, { runtime, profile });
  scene.onEnd(async () => session.close());
  return session;
}

/** Publishes one track of one broadcast. */
export async function publishTrack(
  session: Ietf14Session,
  path: string,
  name: string,
): Promise<TrackProducer> {
  const origin = new Origin({ runtime });
  const track = origin.createBroadcast(path).createTrack(name);
  const broadcast = origin.broadcast(path);
  if (!broadcast) throw new Error("nothing is announced");
  const { accepted } = session.publishNamespace(path, broadcast);
  await within(accepted, { what: "PUBLISH_NAMESPACE_OK", timeoutMs: SOON });
  return track;
}
