/** A peer broke the rules of the framing: its session ends. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** The code of a CONNECTION_CLOSE for every violation, as the released peers use it. */
export const VIOLATION_CODE = 1002;
