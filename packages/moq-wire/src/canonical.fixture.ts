import { Cursor } from "./cursor.js";
import { varintSize } from "./varint.js";

/** The varints read while `decode` runs that took more bytes than their values need. */
export function longVarints(decode: () => unknown): string[] {
  const { varint, varintBig } = Cursor.prototype;
  const found: string[] = [];
  const watch = <T extends number | bigint>(read: (this: Cursor, field: string) => T) =>
    function watched(this: Cursor, field: string): T {
      const start = this.offset;
      const value = read.call(this, field);
      if (this.offset - start !== varintSize(value)) found.push(field);
      return value;
    };
  Cursor.prototype.varint = watch(varint);
  Cursor.prototype.varintBig = watch(varintBig);
  try {
    decode();
  } finally {
    Cursor.prototype.varint = varint;
    Cursor.prototype.varintBig = varintBig;
  }
  return found;
}
