import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type RegistryMapping, readMapping, streamIdFault } from "@moq-bridge/registry";
import { isLoopback } from "@moq-bridge/transport";
import { type Flags, VARIABLES } from "../flags.js";
import { reasonOf } from "../token-source.js";
import { UsageError } from "../usage-error.js";

/** The settings of everything that names streams. */
export interface RegistrySettings {
  readonly urls: readonly RegistryUrl[];
  /** JSON files of the same shape, watched. */
  readonly files: readonly RegistryFileSetting[];
  /** Paths that are always live. */
  readonly streams: readonly string[];
  readonly pollIntervalMs: number;
  /** Where the relay's streams are listed. */
  readonly write: RegistryWriteSettings | undefined;
}

/** A registry asked over HTTP. */
export interface RegistryUrl extends MappingSetting {
  readonly url: URL;
  /** Holds further request headers, read before each poll. */
  readonly headersFile: string | undefined;
}

/** A registry in a file. */
export interface RegistryFileSetting extends MappingSetting {
  readonly file: string;
}

/** Where the relay's streams are written to. */
export interface RegistryWriteSettings {
  readonly url: URL;
  readonly tokenFile: string;
  /** The template of paths, from which stream ids are read back. */
  readonly path: string | undefined;
}

interface MappingSetting {
  /** `undefined`: as the reference service gives its rows. */
  readonly mapping: RegistryMapping | undefined;
  /** The file with the mapping, for messages. */
  readonly mappingFile: string | undefined;
}

interface MappingFile {
  readonly file: string;
  readonly mapping: RegistryMapping;
  /** The registry that it is for; `undefined`: all that have none of their own. */
  readonly registry: string | undefined;
  readonly headersFile: string | undefined;
}

type RegistryFlags = Pick<
  Flags,
  | "registryUrl"
  | "registryFile"
  | "registryMapping"
  | "registryWriteTokenFile"
  | "registryWriteUrl"
  | "stream"
>;

/** The addresses of registries by flags or, where there are none, by the variable: separated by blanks. */
export function registryUrlsOf(
  flags: Pick<Flags, "registryUrl">,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  if (flags.registryUrl.length > 0) return flags.registryUrl;
  return (environment[VARIABLES.registryUrl] ?? "").split(/\s+/).filter((text) => text !== "");
}

/**
 * The settings by flags. `urls` are the addresses, checked.
 *
 * @throws {UsageError}
 */
export function readRegistrySettings(
  flags: RegistryFlags,
  urls: readonly URL[],
  pollIntervalMs: number,
): RegistrySettings {
  const mappings = flags.registryMapping.map(readMappingFile);
  const used = new Set<MappingFile>();
  const mappingFor = (registry: string) => {
    const own = mappings.find((each) => each.registry === registry);
    const found = own ?? mappings.find((each) => each.registry === undefined);
    if (found) used.add(found);
    return found;
  };
  const settings = {
    urls: urls.map((url) => {
      const found = mappingFor(url.href);
      const { headersFile, ...mapping } = { ...settingOf(found), headersFile: found?.headersFile };
      return { url, headersFile, ...mapping };
    }),
    files: flags.registryFile.map((file) => ({ file, ...settingOf(mappingFor(file)) })),
    streams: flags.stream.map(readStream),
    pollIntervalMs,
  };
  const unused = mappings.find((each) => !used.has(each));
  if (unused) {
    throw new UsageError(`--registry-mapping: ${unused.file} is for a registry that is not given`);
  }
  return { ...settings, write: readWrite(flags, settings.urls) };
}

function settingOf(found: MappingFile | undefined): MappingSetting {
  return { mapping: found?.mapping, mappingFile: found?.file };
}

/** A mapping, with the registry it is for (`registry`) and a file of headers (`headersFile`) beside it. */
function readMappingFile(file: string): MappingFile {
  const wrong = (reason: string) => new UsageError(`--registry-mapping: ${file}: ${reason}`);
  const value = readJsonObject(file, wrong);
  const { $schema, registry, headersFile, ...mapping } = value;
  if (registry !== undefined && typeof registry !== "string")
    throw wrong('"registry" is not a text');
  if (headersFile !== undefined && typeof headersFile !== "string") {
    throw wrong('"headersFile" is not a text');
  }
  try {
    return {
      file,
      mapping: readMapping(mapping),
      registry: registry && URL.canParse(registry) ? new URL(registry).href : registry,
      headersFile: headersFile === undefined ? undefined : resolve(dirname(file), headersFile),
    };
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
}

function readJsonObject(file: string, wrong: (reason: string) => UsageError) {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw wrong(error instanceof SyntaxError ? "not JSON" : reasonOf(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong("not one JSON object");
  }
  return value as Readonly<Record<string, unknown>> & {
    readonly $schema?: unknown;
    readonly registry?: unknown;
    readonly headersFile?: unknown;
  };
}

function readStream(path: string): string {
  const fault = streamIdFault(path);
  if (fault) throw new UsageError(`--stream ${JSON.stringify(path)} ${fault}`);
  return path;
}

function readWrite(
  flags: RegistryFlags,
  urls: readonly RegistryUrl[],
): RegistryWriteSettings | undefined {
  const { registryWriteTokenFile: tokenFile, registryWriteUrl: given } = flags;
  if (tokenFile === undefined) {
    if (given === undefined) return undefined;
    throw new UsageError("--registry-write-url needs --registry-write-token-file");
  }
  const [first] = urls;
  const url = given === undefined ? first?.url : readWriteUrl(given);
  if (!url)
    throw new UsageError(
      "--registry-write-token-file needs a --registry-url or --registry-write-url",
    );
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new UsageError(
      "the token for listing streams could be read on the way; give an https:// address",
    );
  }
  const path = urls.find((each) => each.url.href === url.href)?.mapping?.path;
  if (path !== undefined && path.split("{").length !== 2) {
    throw new UsageError("a registry whose paths are made of several fields cannot be written to");
  }
  return { url, tokenFile, path };
}

function readWriteUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new UsageError(
    "--registry-write-url is not a URL; give one that begins with http:// or https://",
  );
}
