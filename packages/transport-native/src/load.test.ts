import { describe, expect, it } from "vitest";
import type { NativeBinding } from "./binding.js";
import { loadWith } from "./load.js";

const PACKAGE = "@moq-bridge/transport-native-linux-x64-gnu";
const BUILT = "../linux-x64-gnu.node";

/** A `require` that has these modules; an Error among them is thrown. */
function having(modules: Readonly<Record<string, unknown>>) {
  return (name: string) => {
    const found = modules[name];
    if (found instanceof Error) throw found;
    if (found !== undefined) return found;
    throw Object.assign(new Error(`Cannot find module '${name}'`), { code: "MODULE_NOT_FOUND" });
  };
}

const binding = (): NativeBinding => ({ Hub: class {} as unknown as NativeBinding["Hub"] });

describe("loading the addon", () => {
  it("takes the installed package before the built file", () => {
    const [installed, built] = [binding(), binding()];
    const require = having({ [PACKAGE]: installed, [BUILT]: built });
    expect(loadWith(require, "linux-x64-gnu")).toBe(installed);
  });

  it("takes the built file where no package is installed, or it does not load", () => {
    const built = binding();
    expect(loadWith(having({ [BUILT]: built }), "linux-x64-gnu")).toBe(built);
    const broken = new Error("GLIBC_2.99 not found");
    const require = having({ [PACKAGE]: broken, [BUILT]: built });
    expect(loadWith(require, "linux-x64-gnu")).toBe(built);
  });

  it("says what to do where there is none", () => {
    expect(() => loadWith(having({}), "linux-x64-gnu")).toThrow(
      "the QUIC addon for linux-x64-gnu is neither installed nor built; `npm run setup` builds it where cargo is installed",
    );
  });

  it("says why one that is there does not load", () => {
    const broken = new Error("GLIBC_2.99 not found");
    const attempt = () => loadWith(having({ [BUILT]: broken }), "linux-x64-gnu");
    expect(attempt).toThrow("does not load (GLIBC_2.99 not found)");
    expect(attempt).toThrow(expect.objectContaining({ cause: broken }));
  });

  it("takes a module missing inside the package for a broken package, not a missing one", () => {
    const inner = Object.assign(new Error("Cannot find module './inner.node'"), {
      code: "MODULE_NOT_FOUND",
    });
    const attempt = () => loadWith(having({ [PACKAGE]: inner }), "linux-x64-gnu");
    expect(attempt).toThrow("does not load (Cannot find module './inner.node')");
  });
});
