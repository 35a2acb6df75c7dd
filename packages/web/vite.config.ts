import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The page is built from the sources of the packages, which need no build of their own. */
export default defineConfig({
  root: fileURLToPath(new URL("page", import.meta.url)),
  base: "./",
  resolve: { conditions: ["@moq-bridge/source", "module", "browser"] },
  build: {
    outDir: fileURLToPath(new URL("dist", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
  },
});
