import {
  type IetfConnection,
  type IetfSubscription,
  ScriptedIetfServer,
} from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { inScene, PATIENCE_MS, SCHEMES, startBridged } from "./fixture.js";

function objectsOf(connection: IetfConnection, { alias }: IetfSubscription): string[] {
  return connection.events
    .all()
    .flatMap((event) =>
      event.type === "object-end" && event.alias === alias
        ? [`${event.group}/${event.object} ${event.payload}`]
        : [],
    );
}

test.concurrent.each(SCHEMES)(
  "5. a second SUBSCRIBE gets the half-sent group from object 0, over %s",
  (scheme) =>
    inScene(`5 ${scheme}`, async (scene) => {
      const cloudflare = await ScriptedIetfServer.start(scene);
      const relay = await scene.moqRelay();
      const relayUrl = scheme === "https" ? relay.httpsUrl : relay.wsUrl;
      await scene.bridge({ relayUrl, cloudflareUrl: cloudflare.url });
      const connection = await cloudflare.connected({ timeoutMs: PATIENCE_MS });
      const publisher = await scene.python("publisher", relayUrl);
      await publisher.publish("p", "room/half", "video");
      await connection.received("publish_namespace", () => true, { timeoutMs: PATIENCE_MS });

      const subscribe = async () => {
        const subscription = await connection.subscribe("room/half", "video", PATIENCE_MS);
        if (subscription === undefined) throw new Error("SUBSCRIBE was refused");
        return subscription;
      };
      const objects = (subscription: IetfSubscription, count: number) =>
        connection.events.waitForCount(
          (event) => event.type === "object-end" && event.alias === subscription.alias,
          count,
          { what: `${count} objects of ${subscription.alias}`, timeoutMs: PATIENCE_MS },
        );
      const first = await subscribe();
      await publisher.openGroup("p", 41);
      for (const text of ["a", "b", "c"]) await publisher.write("p", text);
      await objects(first, 3);

      const second = await subscribe();
      expect(second.alias).not.toBe(first.alias);
      await objects(second, 3);
      for (const text of ["d", "e"]) await publisher.write("p", text);
      await objects(first, 5);
      await objects(second, 5);
      const whole = ["41/0 a", "41/1 b", "41/2 c", "41/3 d", "41/4 e"];
      expect(objectsOf(connection, first)).toEqual(whole);
      expect(objectsOf(connection, second)).toEqual(whole);
    }),
);

test.concurrent("5. a second moq-clock-ietf gets the half-sent group from object 0", () =>
  inScene("5 real", async (scene) => {
    const { ietf, relayUrl } = await startBridged(scene, "ws");
    const publisher = await scene.python("publisher", relayUrl);
    await publisher.publish("p", "room/half", "now");
    await ietf.received("PUBLISH_NAMESPACE", "room/half", { timeoutMs: PATIENCE_MS });
    await publisher.openGroup("p");
    await publisher.write("p", "2026-11-23 12:00:");
    const lines = ["10", "11", "12", "13", "14", "15"].map(
      (second) => `2026-11-23 12:00:${second}`,
    );
    const write = (line: string) => publisher.write("p", line.slice(-2));
    for (const line of lines.slice(0, 3)) await write(line);
    const first = await scene.clock({ url: ietf.url, namespace: "room/half" });
    await first.ticks.waitForCount(() => true, 3, { what: "3 ticks", timeoutMs: PATIENCE_MS });
    const second = await scene.clock({ url: ietf.url, namespace: "room/half" });
    await second.ticks.waitForCount(() => true, 3, { what: "3 ticks", timeoutMs: PATIENCE_MS });
    for (const line of lines.slice(3)) await write(line);
    for (const subscriber of [first, second]) {
      const read = await subscriber.ticks.waitForCount(() => true, 6, {
        what: "6 ticks",
        timeoutMs: PATIENCE_MS,
      });
      expect(read).toEqual(lines);
    }
  }));
