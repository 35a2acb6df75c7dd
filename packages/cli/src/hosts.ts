import { BlockList, isIP } from "node:net";
import { isLoopback } from "@moq-bridge/transport";

const privateNetworks = new BlockList();
privateNetworks.addSubnet("10.0.0.0", 8, "ipv4");
privateNetworks.addSubnet("172.16.0.0", 12, "ipv4");
privateNetworks.addSubnet("192.168.0.0", 16, "ipv4");
privateNetworks.addSubnet("169.254.0.0", 16, "ipv4");
privateNetworks.addSubnet("fc00::", 7, "ipv6");
privateNetworks.addSubnet("fe80::", 10, "ipv6");

/** Names that no public name server answers for. */
const PRIVATE_SUFFIXES = [".local", ".internal", ".home.arpa", ".lan", ".test"];

/** Whether the URL's host is this machine or on a private network, by its address or its kind of name. */
export function isLoopbackOrPrivate(url: URL): boolean {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  if (isLoopback(url.hostname) || isIn(privateNetworks, host)) return true;
  // A name of one label is found by local means only, such as a container network's.
  if (isIP(host) === 0 && !host.includes(".")) return true;
  return PRIVATE_SUFFIXES.some((suffix) => host.endsWith(suffix));
}

function isIn(list: BlockList, host: string): boolean {
  const version = isIP(host);
  return version !== 0 && list.check(host, version === 4 ? "ipv4" : "ipv6");
}
