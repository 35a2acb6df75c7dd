import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";
import type { Runtime } from "@moq-bridge/runtime";
import type { ServerIdentity } from "@moq-bridge/transport";
import * as x509 from "@peculiar/x509";

/** Browsers take a certificate by its fingerprint only if it lives 14 days at most. */
const DAYS = 13;
const DAY_MS = 86_400_000;
const KEY = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A self-signed certificate, and the fingerprint to trust it by. */
export interface SelfSigned {
  readonly identity: ServerIdentity;
  /** SHA-256, hex. */
  readonly fingerprint: string;
}

/** Makes a certificate for `hosts` that is good for 13 days from now: what `serverCertificateHashes` accepts. */
export async function selfSigned(hosts: readonly string[], runtime: Runtime): Promise<SelfSigned> {
  x509.cryptoProvider.set(webcrypto);
  const keys = (await webcrypto.subtle.generateKey(KEY, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const now = runtime.wallClock();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=moq-bridge development relay",
    notBefore: at(now - 3_600_000),
    notAfter: at(now + DAYS * DAY_MS),
    signingAlgorithm: KEY,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        hosts.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? "ip" : "dns", value })),
      ),
    ],
  });
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    identity: {
      cert: certificate.toString("pem"),
      key: x509.PemConverter.encode(key, "PRIVATE KEY"),
    },
    fingerprint: createHash("sha256").update(Buffer.from(certificate.rawData)).digest("hex"),
  };
}

function at(ms: number) {
  // biome-ignore lint/style/noRestrictedGlobals: only gives the runtime's time the form x509 asks for
  return new Date(ms);
}
