import { printable } from "../printable.js";

/** What one check found. */
export interface Finding {
  /** `fail`: `run` would not work. */
  readonly verdict: "ok" | "note" | "fail";
  /** What was looked at. */
  readonly subject: string;
  /** What is so, and what to do where something is wrong. */
  readonly text: string;
}

/** The findings, one line each. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  return findings
    .map(
      ({ verdict, subject, text }) =>
        `${verdict.padEnd(4)}  ${subject.padEnd(width)}  ${printable(text)}\n`,
    )
    .join("");
}
