import type { BidiStream } from "@moq-bridge/transport";

/** Refuses a request. */
export function refuse(stream: BidiStream, code: number): void {
  stream.send.reset(code);
  stream.recv.stop(code);
}
