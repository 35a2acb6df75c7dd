/** Whether a URL's host name (as `URL.hostname` gives it) is this machine. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    name === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(name) ||
    /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/.test(name)
  );
}

/** Whether a host is Cloudflare's MoQ network, which has valid certificates and no WebSocket. */
export function isCloudflare(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  return name === "mediaoverquic.com" || name.endsWith(".mediaoverquic.com");
}
