const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const utf8 = new TextEncoder();

/**
 * A stable non-zero origin id below 2^53 made of texts (FNV-1a): two bridges
 * that see the same texts declare the same id, and old JavaScript relays can hold it.
 */
export function stableId(...texts: readonly string[]): bigint {
  let hash = FNV_OFFSET;
  for (const byte of utf8.encode(JSON.stringify(texts))) {
    hash = ((hash ^ BigInt(byte)) * FNV_PRIME) & 0xffff_ffff_ffff_ffffn;
  }
  const id = hash & ((1n << 53n) - 1n);
  return id === 0n ? 1n : id;
}
