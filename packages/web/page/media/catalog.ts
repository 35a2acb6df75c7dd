/** The track that says what the others are (hang's name for it). */
export const CATALOG_TRACK = "catalog.json";

/** How to decode the picture. */
export interface VideoTrack {
  readonly name: string;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
}

/** How to decode the sound. */
export interface AudioTrack {
  readonly name: string;
  readonly codec: string;
  readonly sampleRate: number;
  readonly numberOfChannels: number;
}

/** What a broadcast has. */
export interface Catalog {
  readonly video?: VideoTrack;
  readonly audio?: AudioTrack;
}

const CONTAINER = { kind: "legacy" } as const;

/** A catalog as hang writes it. */
export function encodeCatalog({ video, audio }: Catalog): Uint8Array {
  const text = JSON.stringify({
    ...(video && {
      video: {
        renditions: {
          [video.name]: {
            codec: video.codec,
            container: CONTAINER,
            codedWidth: video.width,
            codedHeight: video.height,
          },
        },
      },
    }),
    ...(audio && {
      audio: {
        renditions: {
          [audio.name]: {
            codec: audio.codec,
            container: CONTAINER,
            sampleRate: audio.sampleRate,
            numberOfChannels: audio.numberOfChannels,
          },
        },
      },
    }),
  });
  return new TextEncoder().encode(text);
}

/**
 * The first rendition of each kind.
 *
 * @throws {Error} one plain sentence when it is no catalog, or none this page can play
 */
export function decodeCatalog(bytes: Uint8Array): Catalog {
  let root: unknown;
  try {
    root = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Error("The stream's catalog is not JSON.", { cause });
  }
  const video = firstRendition(root, "video");
  const audio = firstRendition(root, "audio");
  const catalog: Catalog = {
    ...(video && {
      video: {
        name: video.name,
        codec: video.text("codec"),
        width: video.number("codedWidth"),
        height: video.number("codedHeight"),
      },
    }),
    ...(audio && {
      audio: {
        name: audio.name,
        codec: audio.text("codec"),
        sampleRate: audio.number("sampleRate"),
        numberOfChannels: audio.number("numberOfChannels"),
      },
    }),
  };
  if (!video && !audio) throw new Error("The stream's catalog lists neither picture nor sound.");
  return catalog;
}

interface Rendition {
  readonly name: string;
  text(field: string): string;
  number(field: string): number;
}

function firstRendition(root: unknown, kind: "video" | "audio"): Rendition | undefined {
  const renditions = fieldOf(fieldOf(root, kind), "renditions");
  const [first] = isRecord(renditions) ? Object.entries(renditions) : [];
  if (!first) return undefined;
  const [name, config] = first;
  const container = fieldOf(fieldOf(config, "container"), "kind");
  if (container !== CONTAINER.kind) {
    throw new Error(`This page cannot play the container of the stream's ${kind}.`);
  }
  return {
    name,
    text: (field) => {
      const value = fieldOf(config, field);
      if (typeof value === "string") return value;
      throw new Error(`The stream's catalog lacks the ${kind}'s ${field}.`);
    },
    number: (field) => {
      const value = fieldOf(config, field);
      return typeof value === "number" ? value : 0;
    },
  };
}

function fieldOf(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
