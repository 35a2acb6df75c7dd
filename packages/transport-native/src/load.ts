import { createRequire } from "node:module";
import type { NativeBinding } from "./binding.js";

let loaded: NativeBinding | undefined;

/**
 * Loads the addon, once: from the package
 * `@moq-bridge/transport-native-<platform>-<arch>[-<libc>]` where it is
 * installed, else from beside this package, where `npm run setup` puts it.
 *
 * @throws {Error} saying what to do, when neither is there or loads
 */
export function loadNative(): NativeBinding {
  loaded ??= loadWith(createRequire(import.meta.url), targetName());
  return loaded;
}

/** {@link loadNative} with the `require` and target given. */
export function loadWith(require: (name: string) => unknown, target: string): NativeBinding {
  const candidates = [`@moq-bridge/transport-native-${target}`, `../${target}.node`];
  let failure: unknown;
  for (const candidate of candidates) {
    try {
      return require(candidate) as NativeBinding;
    } catch (error) {
      // One that is there and broken says more than one that is missing.
      if (!isMissing(error, candidate)) failure ??= error;
    }
  }
  const why =
    failure === undefined
      ? "is neither installed nor built"
      : `does not load (${failure instanceof Error ? failure.message : String(failure)})`;
  throw new Error(
    `the QUIC addon for ${target} ${why}; \`npm run setup\` builds it where cargo is installed`,
    { cause: failure },
  );
}

/** The platform in the names of addons, for example `linux-x64-gnu`; `build.mjs` says the same. */
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
