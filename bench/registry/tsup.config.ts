import { defineConfig } from "tsup";

const common = {
  format: "esm",
  outDir: "dist/registry",
  tsconfig: "../tsconfig.build.json",
} as const;

/** The Worker as it is deployed, and what measures it. */
export default defineConfig([
  { ...common, entry: { main: "registry/main.ts" } },
  {
    ...common,
    entry: { worker: "../packages/registry/src/service/worker.ts" },
    platform: "neutral",
    noExternal: [/.*/],
    esbuildOptions(options) {
      options.conditions = ["workerd", "worker", "browser"];
    },
  },
]);
