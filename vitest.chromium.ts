import { existsSync } from "node:fs";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type Plugin } from "vitest/config";

/** The packages that promise to run in a browser. */
const PACKAGES = ["moq-wire", "origin", "moq-lite-session", "moq-ietf14-session"];

/** Their tests that only Node.js can run, each with the reason. Any other test runs in Chromium too. */
const NODE_ONLY: Readonly<Record<string, string>> = {
  "packages/origin/src/memory.test.ts": "measures the memory of its process",
};

for (const file of Object.keys(NODE_ONLY)) {
  if (!existsSync(file)) throw new Error(`NODE_ONLY of vitest.chromium.ts: there is no ${file}`);
}

/** Gives tests and their fixtures Node's Buffer, and the packages' own sources nothing of Node. */
function bufferForTests(): Plugin {
  return {
    name: "buffer-for-tests",
    transform(code, id) {
      if (!/\.(test|fixture)\.ts$/.test(id) || !/\bBuffer\./.test(code)) return;
      return { code: `import { Buffer } from "buffer/index.js";${code}`, map: null };
    },
  };
}

export default defineConfig({
  plugins: [bufferForTests()],
  define: { "process.env": "{}" },
  // Found only while tests run, it would make vite reload them.
  optimizeDeps: { include: ["buffer/index.js"] },
  resolve: { conditions: ["@moq-bridge/source", "browser", "module", "import", "default"] },
  test: {
    name: "chromium",
    include: PACKAGES.map((name) => `packages/${name}/src/**/*.test.ts`),
    exclude: Object.keys(NODE_ONLY),
    testTimeout: 20_000,
    browser: {
      enabled: true,
      headless: true,
      provider: playwright({
        launchOptions: {
          executablePath: process.env["CHROMIUM"] || "/usr/bin/chromium",
          args: ["--no-sandbox"],
        },
      }),
      instances: [{ browser: "chromium" }],
      screenshotFailures: false,
    },
  },
});
