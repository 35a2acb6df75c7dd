import { X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createCertificate } from "./certificates.js";

const DAY_MS = 86_400_000;

test("a server certificate is good for its hosts, signed by its authority, and short-lived", async () => {
  const folder = await mkdtemp(join(tmpdir(), "moq-bridge-cert-"));
  const made = await createCertificate(folder, "server");
  const cert = new X509Certificate(made.cert);
  const authority = new X509Certificate(made.ca);
  expect(cert.checkHost("localhost")).toBe("localhost");
  expect(cert.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(cert.checkHost("elsewhere.example")).toBeUndefined();
  expect(cert.verify(authority.publicKey)).toBe(true);
  expect(cert.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  expect(cert.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(made.fingerprint);
  const life = Date.parse(cert.validTo) - Date.parse(cert.validFrom);
  expect(life).toBeLessThanOrEqual(14 * DAY_MS);
  await rm(folder, { recursive: true });
});
