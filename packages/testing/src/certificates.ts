import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

const DAY_MS = 86_400_000;
const KEY = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A server's certificate, its authority, and the files a foreign process reads them from. */
export interface TestCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  /** PEM of the authority that signed it. */
  readonly ca: string;
  /** SHA-256 of the certificate, hex. */
  readonly fingerprint: string;
  readonly files: { readonly cert: string; readonly key: string; readonly ca: string };
}

/** What the certificate says. */
export interface CertificateOptions {
  /** Names and addresses it is good for. Default `localhost` and 127.0.0.1. */
  readonly hosts?: readonly string[];
  /** Default 10: browsers and W3C fingerprints admit at most 14. */
  readonly days?: number;
}

/** Makes an authority and a server certificate signed by it, ECDSA P-256, and writes both into `folder`. */
export async function createCertificate(
  folder: string,
  name: string,
  options: CertificateOptions = {},
): Promise<TestCertificate> {
  x509.cryptoProvider.set(webcrypto);
  const hosts = options.hosts ?? ["localhost", "127.0.0.1"];
  const notBefore = new Date(Date.now() - 3_600_000);
  const notAfter = new Date(notBefore.getTime() + (options.days ?? 10) * DAY_MS);
  const authorityKeys = await generateKeys();
  const serverKeys = await generateKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=moq-bridge test authority ${name}`,
    notBefore,
    notAfter,
    signingAlgorithm: KEY,
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const server = await x509.X509CertificateGenerator.create({
    subject: `CN=${hosts[0]}`,
    issuer: authority.subject,
    notBefore,
    notAfter,
    signingAlgorithm: KEY,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        hosts.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? "ip" : "dns", value })),
      ),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", serverKeys.privateKey);
  const pem = {
    cert: server.toString("pem"),
    key: x509.PemConverter.encode(pkcs8, "PRIVATE KEY"),
    ca: authority.toString("pem"),
  };
  const files = {
    cert: join(folder, `${name}-cert.pem`),
    key: join(folder, `${name}-key.pem`),
    ca: join(folder, `${name}-ca.pem`),
  };
  await Promise.all([
    writeFile(files.cert, pem.cert),
    writeFile(files.key, pem.key, { mode: 0o600 }),
    writeFile(files.ca, pem.ca),
  ]);
  const fingerprint = createHash("sha256").update(Buffer.from(server.rawData)).digest("hex");
  return { ...pem, fingerprint, files };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY, true, [
    "sign",
    "verify",
  ]) as Promise<webcrypto.CryptoKeyPair>;
}
