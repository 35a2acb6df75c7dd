/** The name most like `text`, or `undefined` when none is near. */
export function nearest(text: string, names: readonly string[]): string | undefined {
  const plain = (name: string) => name.toLowerCase().replaceAll(/[-_]/g, "");
  const wanted = plain(text);
  const ranked = names
    .map((name) => ({ name, distance: editDistance(wanted, plain(name)) }))
    .sort((one, two) => one.distance - two.distance);
  const [best] = ranked;
  if (!best || best.distance > Math.max(2, Math.floor(wanted.length / 2))) return undefined;
  return best.name;
}

/** Insertions, removals and replacements of one character that lead from one text to the other. */
export function editDistance(one: string, two: string): number {
  let previous = Array.from({ length: two.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= two.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (one[row - 1] === two[column - 1] ? 0 : 1);
      const removed = (previous[column] ?? 0) + 1;
      const inserted = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, removed, inserted));
    }
    previous = current;
  }
  return previous[two.length] ?? 0;
}
