import { defineConfig } from "tsup";

/** The testing package is not built for others: it is bundled from its sources. */
export default defineConfig({
  entry: { hop: "hop/main.ts", "addon-forwarder": "hop/addon-forwarder.ts" },
  format: "esm",
  outDir: "dist",
  clean: true,
  noExternal: [/^@moq-bridge\/testing/],
  tsconfig: "../tsconfig.build.json",
});
