import { toMoqError } from "@moq-bridge/runtime";
import { connectNative } from "@moq-bridge/transport";
import type { Finding } from "./finding.js";

/** The oldest Node.js this runs on. */
const OLDEST_NODE = [20, 19] as const;

/** Node.js, the system, and what of the transports loads here. */
export async function checkEnvironment(): Promise<Finding[]> {
  return [checkNode(process.versions.node), systemFinding(), await checkQuic(), webSocketFinding()];
}

/** Whether this version of Node.js is new enough. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  const isOld = major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
  return isOld
    ? {
        verdict: "fail",
        subject: "Node.js",
        text: `${version}; ${OLDEST_NODE.join(".")} or newer is needed`,
      }
    : { verdict: "ok", subject: "Node.js", text: version };
}

function systemFinding(): Finding {
  const { platform, arch } = process;
  return { verdict: "ok", subject: "system", text: `${platform} ${arch}${libc()}` };
}

function libc(): string {
  if (process.platform !== "linux") return "";
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const version = report.header?.glibcVersionRuntime;
  return version === undefined ? ", musl" : `, glibc ${version}`;
}

/** Starting to connect and giving up at once loads the backend and sends nothing. */
async function checkQuic(): Promise<Finding> {
  const subject = "QUIC";
  try {
    await connectNative("https://127.0.0.1/", {
      protocols: [],
      timeoutMs: 1,
      signal: AbortSignal.abort(),
    });
  } catch (thrown) {
    const error = toMoqError(thrown, "connect_unsupported", "process");
    if (error.code === "connect_unsupported") {
      return {
        verdict: "note",
        subject,
        text: `no backend loads, so Cloudflare cannot be reached: ${error.message}`,
      };
    }
  }
  return { verdict: "ok", subject, text: "the native addon loads" };
}

function webSocketFinding(): Finding {
  return { verdict: "ok", subject: "WebSocket", text: "always there, for moq-lite relays" };
}
