import { describe } from "vitest";
import { abandonTests } from "./abandon-tests.js";
import { flowTests } from "./flow-tests.js";
import { sessionTests } from "./session-tests.js";
import { streamTests } from "./stream-tests.js";
import { type ComplianceExpectations, type ComplianceSubject, prepareSuite } from "./subject.js";

export type { ComplianceExpectations, ComplianceSubject } from "./subject.js";

/**
 * Registers the tests every backend must pass: what transport.ts promises,
 * with both sides as opener. `start` gives a fresh pair of sessions for each
 * test. What a backend cannot do is asserted to be as its `capabilities` say.
 */
export function transportCompliance(
  name: string,
  start: () => Promise<ComplianceSubject>,
  expected: ComplianceExpectations = {},
): void {
  describe(name, () => {
    const suite = prepareSuite(start, expected);
    streamTests(suite);
    abandonTests(suite);
    flowTests(suite);
    sessionTests(suite);
  });
}
