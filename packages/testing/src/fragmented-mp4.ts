/** A made-up fragmented MP4 with one H.264 track, enough for what reads its boxes but not its pictures. */
export interface FragmentedMp4 {
  /** `ftyp` and `moov`. */
  readonly init: Uint8Array;
  /** `moof` and `mdat` of each frame; every `framesPerGroup`th is a key frame. */
  readonly fragments: readonly Uint8Array[];
}

const TIMESCALE = 1000;
const FRAME_DURATION = 40;
const TRACK_ID = 1;
const WIDTH = 320;
const HEIGHT = 180;

/** Builds one whose frames hold bytes that differ. */
export function fragmentedMp4(options: {
  readonly frames: number;
  readonly framesPerGroup: number;
  readonly frameBytes: number;
}): FragmentedMp4 {
  const fragments = Array.from({ length: options.frames }, (_, index) => {
    const payload = Uint8Array.from(
      { length: options.frameBytes },
      (_, at) => (at * 13 + index * 29) & 255,
    );
    // A reader whose standard output is line-buffered gives everything up to the last line feed.
    payload.fill(0x0a, -1);
    return concat(moof(index, index % options.framesPerGroup === 0, payload), box("mdat", payload));
  });
  return { init: concat(ftyp(), moov()), fragments };
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function box(type: string, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concat(...content);
  return concat(u32(body.byteLength + 8), Buffer.from(type, "latin1"), body);
}

function fullBox(type: string, flags: number, ...content: readonly Uint8Array[]): Uint8Array {
  return box(type, u32(flags), ...content);
}

function u32(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4);
  return bytes;
}

function u16(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

function ftyp(): Uint8Array {
  return box("ftyp", Buffer.from("iso6"), u32(0x200), Buffer.from("iso6cmfc"));
}

function moov(): Uint8Array {
  const header = [u32(0, 0, TIMESCALE, 0, 0x10000), u16(0x100, 0), u32(0, 0), MATRIX];
  const mvhd = fullBox("mvhd", 0, ...header, u32(0, 0, 0, 0, 0, 0), u32(TRACK_ID + 1));
  const trex = fullBox("trex", 0, u32(TRACK_ID, 1, 0, 0, 0));
  return box("moov", mvhd, trak(), box("mvex", trex));
}

function trak(): Uint8Array {
  const size = u32(WIDTH << 16, HEIGHT << 16);
  const placed = [u32(0, 0), u16(0, 0, 0, 0), MATRIX, size];
  const tkhd = fullBox("tkhd", 3, u32(0, 0, TRACK_ID, 0, 0), ...placed);
  const mdhd = fullBox("mdhd", 0, u32(0, 0, TIMESCALE, 0), u16(0x55c4, 0));
  const handler = [u32(0), Buffer.from("vide"), u32(0, 0, 0), Buffer.from("video\0")];
  const hdlr = fullBox("hdlr", 0, ...handler);
  const vmhd = fullBox("vmhd", 1, u16(0, 0, 0, 0));
  const dinf = box("dinf", fullBox("dref", 0, u32(1), fullBox("url ", 1)));
  const empty = ["stts", "stsc"].map((type) => fullBox(type, 0, u32(0)));
  const sizes = [fullBox("stsz", 0, u32(0, 0)), fullBox("stco", 0, u32(0))];
  const stbl = box("stbl", fullBox("stsd", 0, u32(1), avc1()), ...empty, ...sizes);
  return box("trak", tkhd, box("mdia", mdhd, hdlr, box("minf", vmhd, dinf, stbl)));
}

function avc1(): Uint8Array {
  const sps = Uint8Array.of(0x67, 0x42, 0xc0, 0x1e);
  const pps = Uint8Array.of(0x68, 0xce, 0x3c, 0x80);
  const sets = [Uint8Array.of(0xe1), u16(sps.byteLength), sps, Uint8Array.of(1), u16(4), pps];
  const avcC = box("avcC", Uint8Array.of(1, 0x42, 0xc0, 0x1e, 0xff), ...sets);
  const picture = [u16(0, 0), u32(0, 0, 0), u16(WIDTH, HEIGHT), u32(0x480000, 0x480000, 0)];
  const rest = [u16(1), Buffer.alloc(32), u16(0x18, 0xffff)];
  return box("avc1", u32(0), u16(0, 1), ...picture, ...rest, avcC);
}

const KEY_FRAME = 0x02000000;
const OTHER_FRAME = 0x01010000;

function moof(index: number, key: boolean, payload: Uint8Array): Uint8Array {
  const mfhd = fullBox("mfhd", 0, u32(index + 1));
  const flags = key ? KEY_FRAME : OTHER_FRAME;
  const tfhd = fullBox("tfhd", 0x020028, u32(TRACK_ID, FRAME_DURATION, flags));
  const tfdt = fullBox("tfdt", 0, u32(index * FRAME_DURATION));
  // Data offset, first sample's flags and sample sizes are there.
  const trun = (offset: number) => {
    return fullBox("trun", 0x205, u32(1, offset, flags, payload.byteLength));
  };
  const whole = (offset: number) => box("moof", mfhd, box("traf", tfhd, tfdt, trun(offset)));
  return whole(whole(0).byteLength + 8);
}
