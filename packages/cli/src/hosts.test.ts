import { describe, expect, it } from "vitest";
import { isLoopbackOrPrivate } from "./hosts.js";

const url = (host: string) => new URL(`https://${host}:4443/x`);

describe("hosts", () => {
  it.each(["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "LOCALHOST", "a.localhost", "127.1"])(
    "%s is this machine",
    (host) => {
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
    "internal",
  ])("%s is private", (host) => {
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
  ])("%s is public", (host) => {
    expect(isLoopbackOrPrivate(url(host))).toBe(false);
  });
});
