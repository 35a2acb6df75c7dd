import { defineConfig } from "tsup";

/** The fuzzer as one file for Node.js. */
export default defineConfig({
  entry: { fuzz: "packages/moq-wire/fuzz/main.ts" },
  format: "esm",
  outDir: "test-output/fuzz",
  tsconfig: "tsconfig.build.json",
  clean: true,
});
