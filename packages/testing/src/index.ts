export {
  type CertificateOptions,
  createCertificate,
  type TestCertificate,
} from "./certificates.js";
export { EventLog } from "./event-log.js";
export {
  type Exit,
  type OutputLine,
  PeerProcess,
  type PeerProcessOptions,
} from "./peer-process.js";
export { type PeerExecutable, peerExecutable } from "./peers/locate.js";
export { freePort } from "./ports.js";
export {
  type RegistryAnswer,
  type RegistryRequest,
  type RegistryRow,
  RegistryServer,
} from "./registry-server.js";
export { type Deadline, elapse, eventually, WaitTimeout, within } from "./wait.js";
