export { type CliHost, type ExitCode, runCli } from "./cli.js";
export type { CreateBridge, RunnableBridge } from "./run-bridge.js";
