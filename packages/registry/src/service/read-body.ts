import { Problem } from "./problem.js";

/**
 * The JSON of a request's body of at most `maxBytes`.
 *
 * @throws {Problem} `not_json`, `too_large` or `bad_json`
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  // A page can send other types anywhere without asking first.
  if (type !== "application/json") throw new Problem("not_json", "set Content-Type accordingly");
  const bytes = await readLimited(request, maxBytes);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Problem("bad_json", `${bytes.byteLength} bytes that are not complete, valid JSON`);
  }
}

async function readLimited(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () => new Problem("too_large", `at most ${maxBytes} bytes are accepted`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  const body = new Uint8Array(maxBytes);
  let size = 0;
  const reader = request.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    if (size + value.byteLength > maxBytes) {
      await reader.cancel();
      throw tooLarge();
    }
    body.set(value, size);
    size += value.byteLength;
  }
  return body.subarray(0, size);
}
