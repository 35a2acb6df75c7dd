import { describe, expect, it } from "vitest";
import { isCloudflareNetwork, isLoopback, isLoopbackOrPrivate } from "./hosts.js";

const url = (host: string) => new URL(`https://${host}:4443/x`);

describe("hosts", () => {
  it.each(["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "LOCALHOST", "a.localhost", "127.1"])(
    "%s is loopback",
    (host) => {
      expect(isLoopback(url(host))).toBe(true);
      expect(isLoopbackOrPrivate(url(host))).toBe(true);
    },
  );

  it.each([
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.1.1",
    "[fd00::1]",
    "[fe80::1]",
    "relay",
    "relay.local",
    "relay.internal.",
  ])("%s is private, not loopback", (host) => {
    expect(isLoopback(url(host))).toBe(false);
    expect(isLoopbackOrPrivate(url(host))).toBe(true);
  });

  it.each([
    "8.8.8.8",
    "172.32.0.1",
    "128.0.0.1",
    "[2001:db8::1]",
    "relay.example.com",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "local",
  ])("%s is public unless it is a single label", (host) => {
    expect(isLoopbackOrPrivate(url(host))).toBe(!host.includes(".") && !host.includes(":"));
  });

  it("knows Cloudflare's network", () => {
    expect(isCloudflareNetwork(url("relay.cloudflare.mediaoverquic.com"))).toBe(true);
    expect(isCloudflareNetwork(url("MediaOverQuic.com."))).toBe(true);
    expect(isCloudflareNetwork(url("mediaoverquic.com.example"))).toBe(false);
    expect(isCloudflareNetwork(url("notmediaoverquic.com"))).toBe(false);
  });
});
