import { writeFile } from "node:fs/promises";
import { elapse, type Scene } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { SteadyViewer } from "../cloudflare/fixture.js";
import { statusOf } from "./admin-fixture.js";
import { type Decide, startWithAuthority, tokenFile } from "./authority.js";
import {
  expectCleanOutput,
  expectRun,
  inScene,
  PATIENCE_MS,
  SCHEMES,
  type Scheme,
  startClock,
} from "./fixture.js";

const BRIDGE_TOKEN = "the-bridges-own-token";
const VIEWER_TOKEN = "a-viewers-token";
/** What would come has come by then. */
const SETTLED_MS = 5_000;

/** The bridge may do everything, a viewer see one room, and everybody publish below `anon`. */
const decide: Decide = (token) => {
  if (token === BRIDGE_TOKEN) return { publish: ["**"], subscribe: ["**"] };
  if (token === VIEWER_TOKEN) return { publish: [], subscribe: ["live/public/**"] };
  return token === null ? { publish: ["anon/**"], subscribe: ["anon/**"] } : undefined;
};

async function startWorld(scene: Scene, scheme: Scheme, token: string) {
  await writeFile(tokenFile(scene), token);
  return startWithAuthority(scene, scheme, decide);
}

test.concurrent.each(SCHEMES)(
  "12. a bridge that moq-relay 0.17.10's authority grants everything works, while others are limited, over %s",
  (scheme) =>
    inScene(`12 grants ${scheme}`, async (scene) => {
      const world = await startWorld(scene, scheme, BRIDGE_TOKEN);
      const { ietf, registry, relayUrl, bridge, url } = world;
      const clock = await startClock(scene, ietf, "live/public/clock");
      await startClock(scene, ietf, "live/private/clock");
      registry.list("live/public/clock", "live/private/clock");
      const viewer = await scene.python("viewer", `${relayUrl}?jwt=${VIEWER_TOKEN}`);
      await viewer.announced("live/public/clock", { timeoutMs: PATIENCE_MS });
      await viewer.view("clock", "live/public/clock", "now");
      const frames = await viewer.framesRead("clock", 4, { timeoutMs: PATIENCE_MS });
      await expectRun(frames, clock);

      const anonymous = await scene.python("anonymous", relayUrl);
      for (const path of ["anon/talk", "live/public/forged"]) {
        await anonymous.publish(path, path, "now");
        await anonymous.tick(path, 100, 10);
      }
      await ietf.received("PUBLISH_NAMESPACE", "anon/talk", { timeoutMs: PATIENCE_MS });
      const onCloudflare = await SteadyViewer.start(scene, ietf.url, "anon/talk", "now");
      await onCloudflare.frames.waitForCount(() => true, 10, {
        what: "frames on Cloudflare's side",
        timeoutMs: PATIENCE_MS,
      });
      await elapse(SETTLED_MS);
      await ietf.publishes("anon/talk", "live/private/clock", "live/public/clock");
      expect(viewer.live()).toEqual(["live/public/clock"]);
      const { broadcasts, relay } = await statusOf(url);
      expect(broadcasts.map(({ path, state }) => `${path} ${state}`).sort()).toEqual([
        "anon/talk announced",
        "live/private/clock announced",
        "live/public/clock announced",
      ]);
      expect(relay.traffic).toMatchObject({ sessionsOpened: 1, reconnects: 0 });
      expectCleanOutput(bridge, BRIDGE_TOKEN, VIEWER_TOKEN);
    }),
);

/** How moq-relay 0.17.10 refuses. */
const REFUSAL = {
  https: "the peer closed the session with code 2: unauthorized",
  ws: "answered with HTTP status 401",
};

test.concurrent.each(SCHEMES)(
  "12. a bridge whose token moq-relay 0.17.10's authority refuses says so, over %s",
  (scheme) =>
    inScene(`12 refused ${scheme}`, async (scene) => {
      const token = "a-token-of-nobody";
      const { bridge } = await startWorld(scene, scheme, token);
      const { text } = await bridge.process.waitForLine(/warn +relay:/, { timeoutMs: PATIENCE_MS });
      expect(text).toContain(`${REFUSAL[scheme]}; it may not accept this token; trying again`);
      expectCleanOutput(bridge, token);
    }),
);
