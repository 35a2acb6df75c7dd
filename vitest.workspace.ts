import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

/** Packages resolve to each other's sources, so tests need no build. */
const resolve = { conditions: ["@moq-bridge/source", "node", "import", "module", "default"] };

/** Tests with real peers: one file at a time, or a few, for peers and clocks share the machine. */
function withPeers(name: string, include: string[], maxWorkers = 1) {
  return {
    extends: true,
    test: {
      name,
      include,
      testTimeout: 120_000,
      hookTimeout: 120_000,
      maxWorkers,
    },
  } satisfies TestProjectInlineConfiguration;
}

export default defineConfig({
  resolve,
  ssr: { resolve },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "packages/web/page/**/*.test.ts"],
          testTimeout: 20_000,
        },
      },
      withPeers("interop", ["packages/*/interop/**/*.test.ts"]),
      // These wait most of the time.
      withPeers("cloudflare", ["packages/*/cloudflare/**/*.test.ts"], 2),
      withPeers("registry", ["packages/*/registry/**/*.test.ts"]),
      withPeers("browser", ["packages/*/browser/**/*.test.ts"]),
    ],
  },
});
