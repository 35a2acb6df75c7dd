const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to this many bytes a loop is quicker than the decoder. */
const SHORT = 24;

/** UTF-8 as text. @throws {TypeError} when it is not UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string {
  if (bytes.byteLength > SHORT) return utf8.decode(bytes);
  let text = "";
  for (const byte of bytes) {
    if (byte > 0x7f) return utf8.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}
