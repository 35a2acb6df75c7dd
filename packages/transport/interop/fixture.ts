import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
// By path: as a dependency it would depend on itself, for that package needs this one.
import { createCertificate, type TestCertificate } from "../../testing/src/certificates.js";

/** A certificate for 127.0.0.1 and localhost, with its authority, and a folder for peers. */
export interface Fixture {
  readonly folder: string;
  readonly certificate: TestCertificate;
  stop(): Promise<void>;
}

/** Makes a {@link Fixture} in a temporary folder. */
export async function startFixture(): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), "moq-bridge-transport-"));
  return {
    folder,
    certificate: await createCertificate(folder, "native"),
    stop: () => rm(folder, { recursive: true, force: true }),
  };
}
