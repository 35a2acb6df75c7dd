import {
  encodeObjectHeader,
  encodeSubgroupHeader,
  type SubgroupHeader,
  SubgroupReader,
} from "@moq-bridge/moq-wire/ietf14";

/** Rewrites what follows a subgroup's header, so that its objects are numbered 0, 1, 2 and so on. */
export class Renumbering {
  readonly #reader = new SubgroupReader();
  readonly #extensionsPresent: boolean;
  #next = 0;

  constructor(header: SubgroupHeader) {
    this.#extensionsPresent = header.extensionsPresent;
    this.#reader.push(encodeSubgroupHeader(header));
    this.#reader.next();
  }

  /** What to send for `chunk`. @throws {WireError} bytes that are no objects */
  push(chunk: Uint8Array): Uint8Array[] {
    const out: Uint8Array[] = [];
    this.#reader.push(chunk);
    for (let event = this.#reader.next(); event; event = this.#reader.next()) {
      if (event.type === "payload") out.push(event.bytes);
      if (event.type !== "object") continue;
      const previous = this.#next === 0 ? undefined : this.#next - 1;
      const object = { ...event.object, objectId: this.#next++ };
      out.push(encodeObjectHeader(object, previous, this.#extensionsPresent));
    }
    return out;
  }
}
