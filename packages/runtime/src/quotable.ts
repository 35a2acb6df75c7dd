const LONGEST_QUOTE = 200;

/** Text from outside, for example a peer's reason, as part of one plain line: no control characters, at most 200 characters. */
export function quotable(text: string): string {
  const line = text.replace(/\p{C}+/gu, " ").trim();
  return line.length > LONGEST_QUOTE ? `${line.slice(0, LONGEST_QUOTE)}…` : line;
}
