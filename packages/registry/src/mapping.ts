import { MoqError } from "@moq-bridge/runtime";

/** Stands for a row's key where the rows are a map. */
export const KEY = "$key";

/** A value of the field that says where a stream is published. */
export type OriginValue = string | number | boolean;

/** How the rows of somebody's registry are read. Fields are given as `a` or, nested, as `a.b`. */
export interface RegistryMapping {
  /** The list of rows, or the map of rows by key; empty when it is the whole answer. */
  readonly list: string;
  /** The field that identifies a stream, or `$key` of a map. */
  readonly id: string;
  /** The field that says where it is published; `null`: every row is on Cloudflare. */
  readonly origin: string | null;
  /** Values of that field that mean Cloudflare. */
  readonly cloudflare: readonly OriginValue[];
  /** Values of that field that mean the relay. Rows with others are skipped and counted. */
  readonly relay: readonly OriginValue[];
  /** The broadcast path, with fields in braces: `live/{stream_id}`. */
  readonly path: string;
  /** Fields that change when a publisher starts anew; the first that a row has counts. */
  readonly instance: readonly string[];
  /** The field with the number of viewers. */
  readonly viewers: string | null;
}

/** How the rows of the reference service are read. */
export const REFERENCE_MAPPING: RegistryMapping = {
  list: "broadcasts",
  id: "stream_id",
  origin: "origin",
  cloudflare: ["cloudflare"],
  relay: ["earthseed"],
  path: "{stream_id}",
  instance: ["started_at", "lease"],
  viewers: "viewer_count",
};

const PLACEHOLDER = /\{([^{}]*)\}/g;

/**
 * A mapping from a configuration: what it does not say is as for the
 * reference service, and the path is the id.
 *
 * @throws {MoqError} `registry_mapping`
 */
export function readMapping(value: unknown): RegistryMapping {
  if (!isObject(value)) throw mappingError("the mapping is not an object");
  for (const name of Object.keys(value)) {
    if (!(name in REFERENCE_MAPPING)) throw mappingError(`there is no setting "${name}"`);
  }
  const given = value as Readonly<Partial<Record<keyof RegistryMapping, unknown>>>;
  const id = readField(given, "id") ?? REFERENCE_MAPPING.id;
  return {
    list: readText(given, "list") ?? REFERENCE_MAPPING.list,
    id,
    origin: given.origin === null ? null : (readField(given, "origin") ?? REFERENCE_MAPPING.origin),
    cloudflare: readValues(given, "cloudflare") ?? REFERENCE_MAPPING.cloudflare,
    relay: readValues(given, "relay") ?? REFERENCE_MAPPING.relay,
    path: readTemplate(given) ?? `{${id}}`,
    instance: readFields(given, "instance") ?? REFERENCE_MAPPING.instance,
    viewers:
      given.viewers === null ? null : (readField(given, "viewers") ?? REFERENCE_MAPPING.viewers),
  };
}

/** Whether rows may come as a map: only where the mapping uses their keys. */
export function readsMap({ id, path, instance }: RegistryMapping): boolean {
  return id === KEY || instance.includes(KEY) || path.includes(`{${KEY}}`);
}

/** What `field` holds in a row, or in the whole answer; nothing that is inherited. */
export function fieldOf(value: unknown, field: string): unknown {
  let current = value;
  for (const name of field === "" ? [] : field.split(".")) {
    if (!isObject(current) || !Object.hasOwn(current, name)) return undefined;
    current = current[name];
  }
  return current;
}

/** The broadcast path of a row, or `undefined` when a field of the template is missing. */
export function pathOf(template: string, read: (field: string) => unknown): string | undefined {
  let complete = true;
  const path = template.replace(PLACEHOLDER, (_, field: string) => {
    const value = read(field);
    if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
    if (typeof value === "string" && value !== "") return value;
    complete = false;
    return "";
  });
  return complete ? path : undefined;
}

/**
 * The stream id that becomes `path` by the template: the inverse of
 * `pathOf` for templates of one placeholder, otherwise `undefined`.
 */
export function idOfPath(template: string, path: string): string | undefined {
  const [prefix, suffix, ...more] = template
    .split(PLACEHOLDER)
    .filter((_, index) => index % 2 === 0);
  if (prefix === undefined || suffix === undefined || more.length > 0) return undefined;
  const length = path.length - prefix.length - suffix.length;
  if (length < 1 || !path.startsWith(prefix) || !path.endsWith(suffix)) return undefined;
  return path.slice(prefix.length, prefix.length + length);
}

type Given = Readonly<Partial<Record<keyof RegistryMapping, unknown>>>;

function readText(given: Given, name: keyof RegistryMapping): string | undefined {
  const value = given[name];
  if (value === undefined || typeof value === "string") return value;
  throw mappingError(`"${name}" is not a text`);
}

function readField(given: Given, name: keyof RegistryMapping): string | undefined {
  const field = readText(given, name);
  if (field === "") throw mappingError(`"${name}" is empty`);
  return field;
}

function readFields(given: Given, name: keyof RegistryMapping): readonly string[] | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  const fields = Array.isArray(value) ? value : [value];
  const fit = fields.every((field) => typeof field === "string" && field !== "");
  if (!fit) throw mappingError(`"${name}" is not a field or a list of fields`);
  return fields;
}

function readValues(given: Given, name: keyof RegistryMapping): readonly OriginValue[] | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  const fits = Array.isArray(value) && value.every(isOriginValue);
  if (!fits) throw mappingError(`"${name}" is not a list of texts, numbers, true or false`);
  return value;
}

function readTemplate(given: Given): string | undefined {
  const template = readText(given, "path");
  if (template === undefined) return undefined;
  const fields = [...template.matchAll(PLACEHOLDER)].map(([, field]) => field);
  if (
    fields.length === 0 ||
    fields.includes("") ||
    /[{}]/.test(template.replace(PLACEHOLDER, ""))
  ) {
    throw mappingError('"path" needs fields in braces, like "live/{id}"');
  }
  return template;
}

/** Whether a value can say where a stream is published. */
export function isOriginValue(value: unknown): value is OriginValue {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mappingError(reason: string): MoqError {
  return new MoqError("registry_mapping", reason, { scope: "process" });
}
