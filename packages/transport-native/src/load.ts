import { createRequire } from "node:module";
import type { NativeBinding } from "./binding.js";

const require = createRequire(import.meta.url);
let loaded: NativeBinding | undefined;

/**
 * Loads the addon, once: from the package
 * `@moq-bridge/transport-native-<platform>-<arch>[-<libc>]` where it is
 * installed, else from beside this package, where `npm run setup` puts it.
 *
 * @throws {Error} saying what to do, when neither is there or loads
 */
export function loadNative(): NativeBinding {
  loaded ??= load();
  return loaded;
}

function load(): NativeBinding {
  const target = targetName();
  const candidates = [`@moq-bridge/transport-native-${target}`, `../${target}.node`];
  const failures: unknown[] = [];
  for (const candidate of candidates) {
    try {
      return require(candidate) as NativeBinding;
    } catch (error) {
      if (!isMissing(error, candidate)) failures.push(error);
    }
  }
  const [cause] = failures;
  const why =
    cause instanceof Error ? `does not load: ${cause.message}` : "is neither installed nor built";
  throw new Error(
    `the QUIC addon for ${target} ${why}; \`npm run setup\` builds it where cargo is installed`,
    { cause },
  );
}

/** The platform in the names of addons, for example `linux-x64-gnu`. */
function targetName(): string {
  const { platform, arch } = process;
  if (platform === "win32") return `${platform}-${arch}-msvc`;
  if (platform !== "linux") return `${platform}-${arch}`;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return `${platform}-${arch}-${report.header?.glibcVersionRuntime ? "gnu" : "musl"}`;
}

function isMissing(error: unknown, candidate: string): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return error.code === "MODULE_NOT_FOUND" && error.message.includes(candidate);
}
