import { fetchStatus } from "../admin/admin-client.js";
import { statusText } from "../admin/status-text.js";
import type { DefineCommand } from "../command.js";

/** Where `status` asks unless it is told. */
const DEFAULT_ADMIN = "127.0.0.1:9090";

/** `moq-bridge status`: what a running bridge does. Ends with 1 when it is not ready or does not answer. */
export const defineStatus: DefineCommand = (program, { host, redactor, exit }) => {
  program
    .command("status")
    .description("print what a running bridge does; it must run with --admin")
    .option("--admin <address>", "where the bridge serves its status, HOST:PORT", DEFAULT_ADMIN)
    .option("--admin-token-file <file>", "holds the token of that bridge")
    .option("--json", "print it as JSON")
    .allowExcessArguments(false)
    .action(async (options: { admin: string; adminTokenFile?: string; json?: boolean }) => {
      const status = await fetchStatus(options.admin, options.adminTokenFile);
      const text = options.json ? `${JSON.stringify(status, undefined, 2)}\n` : statusText(status);
      host.writeOut(redactor.redact(text));
      exit(status.ready ? 0 : 1);
    });
};
