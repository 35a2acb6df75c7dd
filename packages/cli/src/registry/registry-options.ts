import type { BridgeOptions, RegistryOptions } from "@moq-bridge/bridge";
import { type AnswerSource, checkMapping, httpSource } from "@moq-bridge/registry";
import { systemRuntime } from "@moq-bridge/runtime";
import type { LineLogger } from "../logger.js";
import type { Redactor } from "../redactor.js";
import { readTokenFile } from "../token-source.js";
import { UsageError } from "../usage-error.js";
import { fileSource } from "./file-source.js";
import { readHeadersFile } from "./headers-file.js";
import type { RegistrySettings, RegistryUrl } from "./registry-settings.js";

/** The bridge's options for these settings. */
export function registryOptions(
  settings: RegistrySettings,
  redactor: Redactor,
): Pick<BridgeOptions, "registries" | "streams" | "report"> {
  const { urls, files, pollIntervalMs, write } = settings;
  const options = (source: AnswerSource, mapping: RegistryUrl["mapping"]): RegistryOptions => ({
    source,
    pollIntervalMs,
    ...(mapping ? { mapping } : {}),
  });
  return {
    registries: [
      ...urls.map((each) => options(urlSource(each, redactor), each.mapping)),
      ...files.map((each) => options(fileSource(each.file), each.mapping)),
    ],
    streams: settings.streams,
    ...(write
      ? {
          report: {
            url: write.url.href,
            token: () => readTokenFile(write.tokenFile, redactor, "registry"),
            ...(write.path === undefined ? {} : { path: write.path }),
          },
        }
      : {}),
  };
}

/**
 * Tries every mapping on its registry as it is now. A registry that is down is
 * no reason not to start.
 *
 * @throws {UsageError} which quotes the row that does not fit
 */
export async function checkMappings(
  { urls, files }: RegistrySettings,
  log: Pick<LineLogger, "info" | "warn">,
  redactor: Redactor,
): Promise<void> {
  const sources = [
    ...urls.map((each) => ({ ...each, source: urlSource(each, redactor) })),
    ...files.map((each) => ({ ...each, source: fileSource(each.file) })),
  ];
  const checks = sources.map(async ({ source, mapping, mappingFile }) => {
    if (!mapping) return;
    const result = await checkMapping(source, mapping);
    const about = `${source.label} by --registry-mapping ${mappingFile}`;
    if (result.type === "misfit") throw new UsageError(`${about}: ${result.reason}`);
    if (result.type === "unanswered") {
      log.warn(`${about}: not checked, the registry ${result.reason}`);
    } else if (result.misfit === undefined) {
      log.info(`${about}: ${result.rows} rows fit, ${result.live} are live on Cloudflare`);
    } else {
      log.warn(`${about}: a row that does not fit is skipped: ${result.misfit}`);
    }
  });
  await Promise.all(checks);
}

/**
 * Reads the files with secrets once: what cannot be read at start is a wrong
 * setting; later it is an outage.
 *
 * @throws {UsageError}
 */
export async function checkRegistryFiles(
  { urls, write }: RegistrySettings,
  redactor: Redactor,
): Promise<void> {
  try {
    for (const { headersFile } of urls)
      if (headersFile) await readHeadersFile(headersFile, redactor);
  } catch (error) {
    throw new UsageError(`headersFile: ${error instanceof Error ? error.message : error}`);
  }
  try {
    if (write) await readTokenFile(write.tokenFile, redactor, "registry");
  } catch (error) {
    throw new UsageError(
      `--registry-write-token-file: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function urlSource({ url, headersFile }: RegistryUrl, redactor: Redactor): AnswerSource {
  return httpSource({
    runtime: systemRuntime,
    url: url.href,
    ...(headersFile === undefined ? {} : { headers: () => readHeadersFile(headersFile, redactor) }),
  });
}
