import {
  DRAFT_14,
  encodeControlMessage,
  encodeObjectHeader,
  encodeSubgroupHeader,
} from "@moq-bridge/moq-wire/ietf14";
import { describe, expect, it } from "vitest";
import { end, World, write } from "./relay-world.fixture.js";
import {
  CLOUDFLARE_HOSTED,
  CLOUDFLARE_OSS,
  type Ietf14Rules,
  PLAIN_RULES,
  RELAY_BEHAVIOURS,
  RULE_EVIDENCE,
  withoutRules,
} from "./rules.js";

/** Bytes of PUBLISH_NAMESPACE messages sent past the session's own care. */
async function rawSession(world: World) {
  const { client } = world.transport();
  const control = await client.openBidi();
  const setup = { type: "client_setup", supportedVersions: [DRAFT_14], parameters: [] } as const;
  await control.send.write(encodeControlMessage(setup));
  await world.settle();
  await control.recv.read();
  return { client, control };
}

const announce = (requestId: number) =>
  encodeControlMessage({
    type: "publish_namespace",
    requestId,
    trackNamespace: ["a"],
    parameters: [],
  });
const done = encodeControlMessage({ type: "publish_namespace_done", trackNamespace: ["a"] });

/** Whether a viewer that joins now is told OK. */
async function found(world: World, path = "a"): Promise<boolean> {
  const { subscription } = await world.watch(await world.connect(), path);
  return subscription.accepted.then(
    () => true,
    () => false,
  );
}

describe("rules", () => {
  it("each have their evidence, and can be switched off one by one", () => {
    for (const rules of Object.values(RELAY_BEHAVIOURS)) {
      const { name: _, ...own } = rules;
      expect(Object.keys(RULE_EVIDENCE).sort()).toEqual(Object.keys(own).sort());
      for (const rule of Object.keys(RULE_EVIDENCE) as (keyof typeof RULE_EVIDENCE)[]) {
        const without = withoutRules(rules, rule);
        expect(without[rule]).toEqual(PLAIN_RULES[rule]);
        expect({ ...without, [rule]: rules[rule] }).toEqual(rules);
      }
    }
  });
});

describe("rules that a well-behaved peer meets", () => {
  it("are counted as they apply to a publisher and its viewer", async () => {
    const world = new World(CLOUDFLARE_OSS);
    const publisher = await rawPublisher(world);
    const { subscription } = await world.watch(await world.connect(), "a");
    expect(world.relay.counts).toMatchObject({ acceptsAtOnce: 1, invertsPriority: 1 });
    for (let group = 0; group < 98; group++) await publisher.open(group);
    expect(world.relay.counts).not.toHaveProperty("incomingStreams");
    await publisher.open(98);
    expect(world.relay.counts.incomingStreams).toBe(1);
    expect(world.relay.counts).not.toHaveProperty("unsubscribesUpstream");
    subscription.unsubscribe();
    await world.settle();
    expect(world.relay.counts.unsubscribesUpstream).toBe(1);
  });

  it("are counted as they apply to requests and names", async () => {
    const world = new World(CLOUDFLARE_HOSTED);
    const session = await world.connect();
    for (let request = 0; request < 51; request++) {
      const { subscription } = await world.watch(session, "unknown", `t${request}`);
      subscription.accepted.catch(() => {});
    }
    expect(world.relay.counts.grantedRequests).toBe(1);
    const { control } = await rawSession(world);
    for (const message of [announce(0), done, announce(2)]) await control.send.write(message);
    await world.settle();
    expect(world.relay.counts).toMatchObject({ cancelAfterDone: 1, cancelDelayMs: 1, wedgedMs: 1 });
  });
});

describe.each([
  ["cloudflare-oss", CLOUDFLARE_OSS],
  ["plain", PLAIN_RULES],
])("%s", (name, rules: Ietf14Rules) => {
  const strict = name !== "plain";

  it("a second PUBLISH_NAMESPACE of one session", async () => {
    const world = new World(rules);
    const { control } = await rawSession(world);
    await control.send.write(announce(0));
    await world.settle();
    await control.recv.read();
    await control.send.write(announce(2));
    await world.settle();
    expect((await control.recv.read()) === undefined).toBe(strict);
    expect(world.relay.names).toHaveLength(strict ? 0 : 1);
    expect(world.relay.counts.secondAnnounceFatal).toBe(strict ? 1 : undefined);
    // The connection stays as it is.
    expect(world.relay.sessions).toBe(1);
  });

  it("DONE and PUBLISH_NAMESPACE back to back", async () => {
    const world = new World(rules);
    const { control } = await rawSession(world);
    await control.send.write(announce(0));
    await control.send.write(done);
    await control.send.write(announce(2));
    await world.settle(20);
    expect(world.relay.names).toHaveLength(strict ? 0 : 1);
    await control.send.write(announce(4));
    await world.settle(20);
    if (strict) expect(world.relay.names).toHaveLength(1);
  });

  it("a session that is lost without a word", async () => {
    const world = new World(rules);
    const pair = world.transport();
    await world.publish(await world.connectOver(pair), "a");
    pair.cut();
    await world.settle(13_900);
    expect(await found(world)).toBe(strict);
    await world.settle(200);
    expect(await found(world)).toBe(false);
    expect(world.relay.counts.heldAfterLossMs).toBe(strict ? 1 : undefined);
  });

  it("a group that comes after a newer one", async () => {
    const world = new World(rules);
    const publisher = await rawPublisher(world);
    const { subscription } = await world.watch(await world.connect(), "a");
    await publisher.group(5);
    await publisher.group(4);
    const ended = await end(world, subscription);
    if (strict) expect(ended).toMatchObject({ type: "done", status: 1, reason: "cancelled" });
    else expect(ended).toBeUndefined();
  });

  it("a group that comes twice", async () => {
    const world = new World(rules);
    const publisher = await rawPublisher(world);
    const { subscription } = await world.watch(await world.connect(), "a");
    await publisher.group(5);
    await publisher.group(5);
    const ended = await end(world, subscription);
    if (strict) expect(ended).toMatchObject({ type: "done", status: 0, reason: "done" });
    else expect(ended).toBeUndefined();
  });

  it("a group that the publisher resets", async () => {
    const world = new World(rules);
    const publisher = await rawPublisher(world);
    const { seen } = await world.watch(await world.connect(), "a");
    const stream = await publisher.open(5);
    stream.reset(0);
    await world.settle();
    expect(seen).toEqual([strict ? "5: x." : "5: x"]);
  });

  it("objects with gaps", async () => {
    const world = new World(rules);
    const publisher = await rawPublisher(world);
    const { seen } = await world.watch(await world.connect(), "a");
    const stream = await publisher.open(5, 3);
    stream.finish();
    await world.settle();
    // Without its first objects a group is not told to a viewer as if it were whole.
    expect(seen).toEqual(strict ? ["5: x."] : []);
    expect(world.relay.counts.renumbersObjects).toBe(strict ? 1 : undefined);
  });
});

describe("cloudflare-hosted", () => {
  it("answers 50 requests of a session", async () => {
    const world = new World(CLOUDFLARE_HOSTED);
    const session = await world.connect();
    let answers = 0;
    for (let request = 0; request < 55; request++) {
      const { subscription } = await world.watch(session, "unknown", `t${request}`);
      subscription.accepted.catch((error) => {
        if (error.wireCode === 4) answers++;
      });
      await world.settle();
    }
    expect(answers).toBe(50);
    expect(world.relay.counts.answeredRequests).toBe(5);
  });

  it("does not answer for the 21st name", async () => {
    const world = new World(CLOUDFLARE_HOSTED);
    const session = await world.connect();
    for (let name = 0; name < 21; name++) await world.publish(session, `n/${name}`);
    expect(world.relay.names).toHaveLength(20);
    expect(world.relay.counts.namesPerSession).toBe(1);
  });

  it("gives late viewers open groups only", async () => {
    const world = new World(CLOUDFLARE_HOSTED);
    const { tracks } = await world.publish(await world.connect(), "a");
    await world.watch(await world.connect(), "a");
    write(tracks[0], 1, "closed")?.finish();
    await world.settle();
    expect((await world.watch(await world.connect(), "a")).seen).toEqual([]);
    write(tracks[0], 2, "open");
    await world.settle();
    expect((await world.watch(await world.connect(), "a")).seen).toEqual(["2: open"]);
  });

  it("accepts duplicates, and forgets the name when either leaves", async () => {
    const world = new World(CLOUDFLARE_HOSTED);
    const first = await world.publish(await world.connect(), "a");
    const second = await world.publish(await world.connect(), "a");
    await expect(second.publication.accepted).resolves.toBeUndefined();
    expect(await found(world)).toBe(true);
    first.publication.withdraw();
    await world.settle();
    expect(await found(world)).toBe(false);
  });

  it("does not find a name that came back before its CANCEL, for two minutes", async () => {
    const world = new World(CLOUDFLARE_HOSTED);
    const { control } = await rawSession(world);
    await control.send.write(announce(0));
    await control.send.write(done);
    await control.send.write(announce(2));
    await world.settle(119_000);
    expect(await found(world)).toBe(false);
    await world.settle(2_000);
    expect(await found(world)).toBe(true);
  });
});

it("waits for the publisher's answer where it does not accept at once", async () => {
  const world = new World({ acceptsAtOnce: false });
  await world.publish(await world.connect(), "a");
  const refused = await world.watch(await world.connect(), "a", "none");
  await expect(refused.subscription.accepted).rejects.toMatchObject({ wireCode: 4 });
  expect(await found(world)).toBe(true);
});

/** A publisher of `a` whose streams the test opens by itself. */
async function rawPublisher(world: World) {
  const { client, control } = await rawSession(world);
  await control.send.write(announce(0));
  await world.settle();
  const ok = { requestId: 1, trackAlias: 9, expires: 0n, groupOrder: "ascending" } as const;
  const answer = encodeControlMessage({
    type: "subscribe_ok",
    ...ok,
    largestLocation: undefined,
    parameters: [],
  });
  let answered = false;
  const open = async (groupId: number, objectId = 0) => {
    if (!answered) await control.send.write(answer);
    answered = true;
    const stream = await client.openUni();
    const header = encodeSubgroupHeader({
      trackAlias: 9,
      groupId,
      subgroupId: 0,
      publisherPriority: 0,
      extensionsPresent: false,
      endOfGroup: false,
    });
    const object = { objectId, payloadLength: 1, status: 0 };
    await stream.write([header, encodeObjectHeader(object, undefined, false), Buffer.from("x")]);
    await world.settle();
    return stream;
  };
  const group = async (groupId: number) => {
    (await open(groupId)).finish();
    await world.settle();
  };
  return { open, group };
}
