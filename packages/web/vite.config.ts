import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/**
 * The pages are built from the sources of the packages, which need no build of
 * their own, into the package that serves them to its users.
 */
export default defineConfig({
  root: path("page"),
  base: "./",
  resolve: { conditions: ["@moq-bridge/source", "module", "browser"] },
  build: {
    outDir: path("../cli/web"),
    emptyOutDir: true,
    target: "es2022",
    rollupOptions: { input: [path("page/index.html"), path("page/demo.html")] },
  },
});
