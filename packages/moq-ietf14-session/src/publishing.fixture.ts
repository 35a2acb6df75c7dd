import { Origin, type TrackProducer } from "@moq-bridge/origin";
import { cloudflare, type PeerProfile } from "./profile.js";
import { publishTrack, ScriptedPeer } from "./session.fixture.js";

/** A session that publishes one track, and its peer. */
export interface Publishing {
  readonly peer: ScriptedPeer;
  readonly track: TrackProducer;
}

/** A session that published `a/b` with track `t` to a scripted relay. */
export async function publishing(profile: PeerProfile = cloudflare): Promise<Publishing> {
  const peer = await ScriptedPeer.start("server", { profile });
  const origin = new Origin({ runtime: peer.runtime });
  const track = publishTrack(origin, "a/b", "t");
  const broadcast = origin.broadcast("a/b");
  if (broadcast) peer.session.publishNamespace("a/b", broadcast);
  await peer.settle();
  await peer.send({ type: "publish_namespace_ok", requestId: 0 });
  return { peer, track };
}

/** What stream `index` brought: `alias group/subgroup@priority: id=payload …`, and how it stands. */
export function show(peer: ScriptedPeer, index: number): string {
  let shown = "";
  for (const event of peer.streams[index]?.events ?? []) {
    if (event.type === "header") {
      const { trackAlias, groupId, subgroupId, publisherPriority } = event.header;
      shown += `${trackAlias} ${groupId}/${subgroupId}@${publisherPriority}:`;
    } else if (event.type === "object") shown += ` ${event.object.objectId}=`;
    else shown += Buffer.from(event.bytes).toString();
  }
  return `${shown} ${peer.streams[index]?.end}`;
}
