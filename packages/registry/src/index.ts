export {
  type AnswerSource,
  type HttpSourceOptions,
  httpSource,
} from "./answer-source.js";
export { checkMapping, type MappingCheck } from "./check-mapping.js";
export type { RegistryEntry, SkipReason } from "./entry.js";
export {
  idOfPath,
  type OriginValue,
  REFERENCE_MAPPING,
  type RegistryMapping,
  readMapping,
} from "./mapping.js";
export {
  type RegistryHealth,
  RegistryPoller,
  type RegistryPollerOptions,
} from "./registry-poller.js";
export {
  type Claimed,
  RegistryWriteError,
  RegistryWriter,
  type RegistryWriterOptions,
} from "./registry-writer.js";
export { streamIdFault } from "./stream-id.js";
