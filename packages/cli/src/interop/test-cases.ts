import {
  connectIetf14,
  IETF14_PROTOCOLS,
  type Ietf14Session,
  moqRelay,
} from "@moq-bridge/moq-ietf14-session";
import { Origin } from "@moq-bridge/origin";
import { MoqError, systemRuntime as runtime, sleep } from "@moq-bridge/runtime";
import { connectNative } from "@moq-bridge/transport";

/** Where the relay is. */
export interface InteropTarget {
  readonly url: string;
  readonly insecure: boolean;
}

/** One case of moq-interop-runner's TEST-CASES. */
export interface TestCase {
  readonly name: string;
  readonly timeoutMs: number;
  /** What passes, for the report of a failure. */
  readonly expected: string;
  /** Resolves with the messages received that prove it. @throws {Error} what was received instead */
  run(connect: (role: string) => Promise<Ietf14Session>): Promise<string>;
}

const NAMESPACE = "moq-test/interop";
const TRACK = "test-track";
/** How long the subscriber of `subscribe-before-announce` is alone. */
const ALONE_MS = 500;

/** The cases, in the order `--list` shows them. */
export const TEST_CASES: readonly TestCase[] = [
  {
    name: "setup-only",
    timeoutMs: 2_000,
    expected: "SERVER_SETUP",
    run: async (connect) => {
      const session = await connect("client");
      session.close();
      const { error } = await session.closed;
      if (error) throw error;
      return "SERVER_SETUP";
    },
  },
  {
    name: "announce-only",
    timeoutMs: 2_000,
    expected: "PUBLISH_NAMESPACE_OK",
    run: async (connect) => {
      await publish(await connect("publisher")).accepted;
      return "PUBLISH_NAMESPACE_OK";
    },
  },
  {
    name: "publish-namespace-done",
    timeoutMs: 2_000,
    expected: "PUBLISH_NAMESPACE_OK",
    run: async (connect) => {
      const session = await connect("publisher");
      const publication = publish(session);
      await publication.accepted;
      publication.withdraw();
      await publication.ended;
      return "PUBLISH_NAMESPACE_OK";
    },
  },
  {
    name: "subscribe-error",
    timeoutMs: 2_000,
    expected: "SUBSCRIBE_ERROR",
    run: async (connect) => {
      const session = await connect("subscriber");
      const error = await refusal(session.subscribe("nonexistent/namespace", TRACK).accepted);
      if (error) return `SUBSCRIBE_ERROR ${error.wireCode}`;
      throw new Error("SUBSCRIBE_OK");
    },
  },
  {
    name: "announce-subscribe",
    timeoutMs: 3_000,
    expected: "SUBSCRIBE_OK",
    run: async (connect) => {
      await publish(await connect("publisher")).accepted;
      const subscriber = await connect("subscriber");
      await subscriber.subscribe(NAMESPACE, TRACK).accepted;
      return "SUBSCRIBE_OK";
    },
  },
  {
    name: "subscribe-before-announce",
    timeoutMs: 3_500,
    expected: "SUBSCRIBE_OK or SUBSCRIBE_ERROR",
    run: async (connect) => {
      const subscriber = await connect("subscriber");
      const answer = refusal(subscriber.subscribe(NAMESPACE, TRACK).accepted);
      await sleep(runtime, ALONE_MS);
      await publish(await connect("publisher")).accepted;
      const error = await answer;
      // A relay may hold the request or refuse it.
      return error ? `SUBSCRIBE_ERROR ${error.wireCode}` : "SUBSCRIBE_OK";
    },
  },
];

/** What a case came to. */
export interface TestResult {
  readonly passed: boolean;
  /** What was received, or what went wrong. */
  readonly received: string;
  readonly durationMs: number;
}

/** Runs one case against a relay; never rejects. */
export async function runTestCase(test: TestCase, target: InteropTarget): Promise<TestResult> {
  const sessions: Ietf14Session[] = [];
  const started = runtime.now();
  let over = false;
  const connect = async () => {
    const transport = await connectNative(target.url, {
      protocols: IETF14_PROTOCOLS,
      timeoutMs: test.timeoutMs,
      ...(target.insecure ? { tls: { insecure: true } } : {}),
    });
    // The most careful profile: any relay may be at the other end.
    const session = await connectIetf14(transport, { runtime, profile: moqRelay });
    if (over) session.close();
    else sessions.push(session);
    return session;
  };
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = runtime.setTimer(test.timeoutMs, () =>
      reject(new Error(`nothing within ${test.timeoutMs} ms`)),
    );
  });
  try {
    const received = await Promise.race([test.run(connect), late]);
    return { passed: true, received, durationMs: runtime.now() - started };
  } catch (error) {
    const received = error instanceof Error ? error.message : String(error);
    return { passed: false, received, durationMs: runtime.now() - started };
  } finally {
    cancel();
    over = true;
    for (const session of sessions) session.close();
    await Promise.all(sessions.map((session) => session.closed));
  }
}

/** Publishes the test's namespace with its track. */
function publish(session: Ietf14Session) {
  const origin = new Origin({ runtime });
  origin.createBroadcast(NAMESPACE).createTrack(TRACK);
  const broadcast = origin.broadcast(NAMESPACE);
  if (!broadcast) throw new Error("the broadcast is not there");
  return session.publishNamespace(NAMESPACE, broadcast);
}

/** The peer's refusal, `undefined` when it accepted. @throws {Error} when the answer was neither */
async function refusal(accepted: Promise<unknown>): Promise<MoqError | undefined> {
  try {
    await accepted;
    return undefined;
  } catch (error) {
    if (error instanceof MoqError && error.code === "request_refused") return error;
    throw error;
  }
}
