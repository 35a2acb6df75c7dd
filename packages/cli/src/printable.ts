/** A peer's text, such as a path, in which nothing steers the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, "\u{fffd}");
}
