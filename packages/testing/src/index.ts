export { type BridgeOptions, BridgeProcess } from "./bridge-process.js";
export {
  type CertificateOptions,
  createCertificate,
  type TestCertificate,
} from "./certificates.js";
export { Clock, type ClockOptions } from "./clock.js";
export { EventLog } from "./event-log.js";
export { type FragmentedMp4, fragmentedMp4 } from "./fragmented-mp4.js";
export { type IetfControlMessage, IetfRelay } from "./ietf-relay.js";
export { type MoqNetFrame, type MoqNetOptions, MoqNetPeer } from "./moq-net-peer.js";
export { MoqRelay, type MoqRelayOptions, type MoqRelaySession } from "./moq-relay.js";
export { OldMoqRelay, type OldMoqRelayOptions } from "./old-moq-relay.js";
export {
  type Exit,
  type OutputLine,
  PeerProcess,
  type PeerProcessOptions,
} from "./peer-process.js";
export { type PeerExecutable, peerExecutable } from "./peers/locate.js";
export { freePort } from "./ports.js";
export {
  type PythonEvent,
  type PythonFrame,
  PythonPeer,
  type TimedPythonEvent,
} from "./python-peer.js";
export {
  type RegistryAnswer,
  type RegistryRequest,
  type RegistryRow,
  RegistryServer,
} from "./registry-server.js";
export { Scene, type SceneContext } from "./scene.js";
export {
  IetfConnection,
  type IetfEvent,
  type IetfSubscription,
} from "./scripted/ietf-connection.js";
export {
  connectScriptedIetf,
  ScriptedIetfServer,
  type SetupBehaviour,
} from "./scripted/ietf-server.js";
export { IetfTrackSource } from "./scripted/ietf-track-source.js";
export { LiteConnection, type LiteEvent } from "./scripted/lite-connection.js";
export {
  connectScriptedLite,
  type LiteServerBehaviour,
  ScriptedLiteServer,
} from "./scripted/lite-server.js";
export { LiteTrackSource } from "./scripted/lite-track-source.js";
export { TcpProxy } from "./tcp-proxy.js";
export { type Impairment, UdpProxy } from "./udp-proxy.js";
export { type Deadline, elapse, eventually, WaitTimeout, within } from "./wait.js";
