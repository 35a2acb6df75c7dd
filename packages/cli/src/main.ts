import { runCli } from "./cli.js";

// Once: the same signal again ends the process at once, as it does by default.
const stopRequested = new Promise<string>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => resolve(signal));
  }
});

// Whoever read our lines is gone; that is no reason to stop bridging.
process.stderr.on("error", () => {});
process.stdout.on("error", () => {});

const args = process.argv.slice(2);
// On Linux and macOS this also replaces the arguments, and a token among them, in the process list.
process.title = "moq-bridge";

const exitCode = await runCli({
  args,
  environment: process.env,
  wallClock: Date.now,
  terminalColumns: () => (process.stdout.isTTY ? process.stdout.columns : undefined),
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  writeBytes: (bytes) => process.stdout.write(bytes),
  input: process.stdin,
  stopRequested,
  onUncaught: (handle) => {
    process.on("uncaughtException", handle);
    process.on("unhandledRejection", handle);
  },
});
// Sockets and timers of a bridge that was given up must not keep the process.
process.exit(exitCode);
