import { defineConfig } from "tsup";

/** Runs on the second Node.js, which @moq/net needs. */
export default defineConfig({
  entry: { codec: "codec/main.ts" },
  format: "esm",
  outDir: "dist",
  tsconfig: "../tsconfig.build.json",
});
