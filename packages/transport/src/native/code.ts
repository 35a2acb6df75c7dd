import { transportMisuse } from "../error.js";

const HIGHEST_CODE = 2 ** 32 - 1;

/**
 * Refuses what is no WebTransport code: 0 to 2^32 - 1.
 *
 * @throws {MoqError} `transport_misuse`
 */
export function checkCode(code: number): void {
  if (Number.isInteger(code) && code >= 0 && code <= HIGHEST_CODE) return;
  throw transportMisuse(`a code is an integer from 0 to ${HIGHEST_CODE}, not ${code}`);
}
