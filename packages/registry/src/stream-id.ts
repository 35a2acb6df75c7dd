/** Most parts of a stream id. */
export const MAX_STREAM_ID_PARTS = 32;
/** Longest stream id accepted, in bytes of UTF-8. */
export const MAX_STREAM_ID_BYTES = 1024;

const utf8 = new TextEncoder();
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the point
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * What keeps a text from being a stream id, as words that follow "it", or
 * `undefined`. A stream id is a broadcast path that may cross the bridge.
 */
export function streamIdFault(text: string): string | undefined {
  if (text === "") return "is empty";
  if (LONE_SURROGATE.test(text)) return "is not well-formed Unicode";
  if (CONTROL.test(text)) return "contains a control character";
  if (utf8.encode(text).byteLength > MAX_STREAM_ID_BYTES) {
    return `is longer than ${MAX_STREAM_ID_BYTES} bytes`;
  }
  const parts = text.split("/");
  if (parts.length > MAX_STREAM_ID_PARTS) return `has more than ${MAX_STREAM_ID_PARTS} parts`;
  if (parts.includes("")) return "has an empty part: a slash at an end, or two in a row";
  if (parts.some((part) => part.startsWith("."))) return "has a part that begins with a dot";
  if (parts[0] === "internal") return 'is below "internal/", which belongs to relays';
  return undefined;
}
