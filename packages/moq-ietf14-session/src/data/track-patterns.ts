/** Whether a track's name fits one of the patterns, in which `*` stands for any characters. */
export function matchesTrack(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => fits(pattern.split("*"), name));
}

/** `parts`: what stands between the stars. */
function fits(parts: readonly string[], name: string): boolean {
  const [first = "", ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - at >= last.length && name.endsWith(last);
}
