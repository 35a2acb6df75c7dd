/** Largest value of a QUIC variable-length integer (RFC 9000 section 16). */
export const MAX_VARINT = (1n << 62n) - 1n;

/** Encoded size in bytes of a varint: 1, 2, 4 or 8. */
export function varintSize(value: number | bigint): 1 | 2 | 4 | 8 {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x4000_0000) return 4;
  return 8;
}

/** Writes `value` at `offset` and returns the offset after it. The caller has checked range and room. */
export function writeVarint(target: Uint8Array, offset: number, value: number | bigint): number {
  switch (varintSize(value)) {
    case 1:
      target[offset] = Number(value);
      return offset + 1;
    case 2: {
      const n = Number(value);
      target[offset] = 0x40 | (n >>> 8);
      target[offset + 1] = n & 0xff;
      return offset + 2;
    }
    case 4:
      writeUint32(target, offset, (0x8000_0000 | Number(value)) >>> 0);
      return offset + 4;
    case 8: {
      const high = typeof value === "bigint" ? Number(value >> 32n) : Math.floor(value / 2 ** 32);
      const low = typeof value === "bigint" ? Number(value & 0xffff_ffffn) : value >>> 0;
      writeUint32(target, offset, (0xc000_0000 | high) >>> 0);
      writeUint32(target, offset + 4, low);
      return offset + 8;
    }
  }
}

function writeUint32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = (value >>> 16) & 0xff;
  target[offset + 2] = (value >>> 8) & 0xff;
  target[offset + 3] = value & 0xff;
}
