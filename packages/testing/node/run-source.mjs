// Runs a TypeScript file with the sources of the workspace, in a Node.js that has no vitest around it:
// `run-source.mjs FILE ARGUMENTS...`.
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const [file] = process.argv.splice(2, 1);
await runnerImport(file, {
  root: fileURLToPath(new URL("..", import.meta.url)),
  configFile: false,
  logLevel: "error",
  ssr: {
    resolve: { conditions: ["@moq-bridge/source", "node", "import", "module", "default"] },
  },
});
