import fc from "fast-check";
import { expect, test } from "vitest";
import type { Group } from "./group.js";
import { GroupList } from "./group-list.js";

const group = (sequence: number) => ({ sequence }) as Group;

test("behaves as a sorted array, wherever groups come and go", () => {
  const operation = fc.record({ add: fc.boolean(), sequence: fc.nat(300), oldest: fc.boolean() });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 600, size: "max" }), (operations) => {
      const list = new GroupList();
      let model: Group[] = [];
      for (const { add, sequence, oldest } of operations) {
        const known = model.find((one) => one.sequence === sequence);
        expect(list.get(sequence)).toBe(known);
        const gone = oldest ? model[0] : known;
        if (!add && gone) {
          list.remove(gone);
          model = model.filter((one) => one !== gone);
        } else if (!known) {
          const added = group(sequence);
          model = [...model, added].sort((a, b) => a.sequence - b.sequence);
          const at = model.indexOf(added);
          expect(list.add(added)).toEqual({ before: model[at - 1], after: model[at + 1] });
        }
        expect([list.first, list.last]).toEqual([model[0], model.at(-1)]);
        expect([...list.startingAt(sequence)]).toEqual(
          model.filter((one) => one.sequence >= sequence),
        );
      }
      expect(list.clear()).toEqual(model);
      expect([...list]).toEqual([]);
    }),
  );
});
