export { Cursor } from "./cursor.js";
export { StreamReader } from "./stream-reader.js";
export { MAX_VARINT, varintSize, writeVarint } from "./varint.js";
export { OversizedMessage, WireError, type WireErrorKind } from "./wire-error.js";
export { encodeExact, Writer } from "./writer.js";
