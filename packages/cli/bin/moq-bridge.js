#!/usr/bin/env node
// A file of its own, so that package managers can link the command before anything is built.
import { existsSync } from "node:fs";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write("moq-bridge: not built yet; run `npm run build` in the workspace first\n");
  process.exitCode = 1;
}
