import type { ConfigOption } from "./config-option.js";

/** The JSON schema (draft 2020-12) of the configuration file. */
export function configSchema(options: readonly ConfigOption[]): object {
  const properties = options.map((option) => [
    option.key,
    { description: option.description, ...typeOf(option) },
  ]);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "moq-bridge configuration",
    type: "object",
    additionalProperties: false,
    properties: { $schema: { type: "string" }, ...Object.fromEntries(properties) },
  };
}

function typeOf({ kind, choices }: ConfigOption): object {
  switch (kind) {
    case "boolean":
      return { type: "boolean" };
    case "list":
      return { type: "array", items: { type: "string", minLength: 1 } };
    case "number":
      return { type: ["number", "string"] };
    case "text":
      return choices ? { enum: choices } : { type: "string" };
  }
}
