import { expect, test } from "vitest";
import { joinToken, splitToken } from "./settings.js";

test.each([
  ["wss://relay.example/room?jwt=a.b-c_d", "wss://relay.example/room", "a.b-c_d"],
  ["ws://127.0.0.1:1/?v=2&jwt=x", "ws://127.0.0.1:1/?v=2", "x"],
])("the token of %s is taken out, and put back", (address, url, token) => {
  expect(splitToken(address)).toEqual({ url, token });
  expect(joinToken(url, token)).toBe(address);
});

test.each(["wss://relay.example", "relay.example/?jwt=x", ""])(
  "%j, an address without a token or none at all, stays as it is",
  (address) => {
    expect(splitToken(address)).toEqual({ url: address, token: "" });
    expect(joinToken(address, "")).toBe(address);
  },
);
