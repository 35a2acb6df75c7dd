/** Settings that are missing, wrong or contradictory. The message is one line that says what to give. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
