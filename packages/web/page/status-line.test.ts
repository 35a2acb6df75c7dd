import { expect, test } from "vitest";
import { latencyText, statusFacts, statusWords } from "./status-line.js";
import type { ViewerStatus } from "./viewer.js";

const playing: ViewerStatus = {
  state: "playing",
  trouble: "",
  transport: "WebSocket, moq-lite-05",
  pictures: 12,
  sounds: 34,
  latency: undefined,
  capturedAt: undefined,
};

test("sentences and figures are apart, for only sentences are read out", () => {
  expect(statusWords(playing)).toBe("Playing.");
  expect(statusFacts(playing)).toBe("WebSocket, moq-lite-05 · 12 pictures · 34 sound frames");
  const trouble = "Relay.example cannot be reached.";
  expect(statusWords({ ...playing, state: "interrupted", trouble })).toBe(
    "Interrupted. Trying to go on. Relay.example cannot be reached.",
  );
});

test("trouble with the relay and with the registry is said side by side", () => {
  const status = {
    state: "interrupted",
    trouble: "It is gone.",
    transport: "",
    pictures: 0,
  } as const;
  const registryTrouble = "The registry was not told: no answer.";
  expect(statusWords({ ...status, registryTrouble })).toBe(
    "Interrupted. Trying to go on. It is gone. The registry was not told: no answer.",
  );
  expect(statusFacts({ ...status, registryTrouble })).toBe("0 pictures");
});

test("latency is said with how it is spread", () => {
  expect(latencyText({ newest: 8.4, p50: 7.6, p90: 20, p99: 31.5, of: 300 })).toBe(
    "Latency 8 ms. Last 300 pictures: p50 8, p90 20, p99 32 ms.",
  );
});
