/** @throws {Error} a sentence, where this browser has no WebCodecs for the page */
export function checkWebCodecs(): void {
  if (!isSecureContext) {
    throw new Error(
      "Browsers keep WebCodecs from pages that came over plain http. Open this one over https, or on the machine it is served from.",
    );
  }
  const missing = ["VideoDecoder", "AudioDecoder"].filter((name) => !(name in globalThis));
  if (missing.length === 0) return;
  throw new Error(
    `This browser is too old for this page: it has no ${missing.join(" and no ")} (WebCodecs).`,
  );
}
