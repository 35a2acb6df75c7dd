import { expect, test } from "vitest";
import { type Catalog, decodeCatalog, encodeCatalog } from "./catalog.js";

const both: Catalog = {
  video: { name: "video", codec: "vp8", width: 480, height: 270 },
  audio: { name: "audio", codec: "opus", sampleRate: 48_000, numberOfChannels: 1 },
};

const decode = (value: unknown) =>
  decodeCatalog(
    new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)),
  );

test.each([[both], [{ video: both.video }], [{ audio: both.audio }]])(
  "what is written is read: %j",
  (catalog) => expect(decodeCatalog(encodeCatalog(catalog as Catalog))).toEqual(catalog),
);

test("a catalog of hang with more in it is read", () => {
  const catalog = {
    video: {
      priority: 1,
      renditions: {
        hd: {
          codec: "avc1.64001f",
          container: { kind: "legacy" },
          codedWidth: 1280,
          codedHeight: 720,
        },
        sd: { codec: "vp8", container: { kind: "legacy" } },
      },
    },
    chat: {},
  };
  expect(decode(catalog)).toEqual({
    video: { name: "hd", codec: "avc1.64001f", width: 1280, height: 720 },
  });
});

test.each([
  ["{", "The stream's catalog is not JSON."],
  [{}, "The stream's catalog lists neither picture nor sound."],
  [[], "The stream's catalog lists neither picture nor sound."],
  [
    { video: { renditions: { a: { codec: "vp8", container: { kind: "cmaf" } } } } },
    "This page cannot play the container of the stream's video.",
  ],
  [
    { audio: { renditions: { a: { container: { kind: "legacy" } } } } },
    "The stream's catalog lacks the audio's codec.",
  ],
])("%j is refused in words", (value, words) => {
  expect(() => decode(value)).toThrow(words);
});
