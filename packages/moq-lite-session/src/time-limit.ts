import type { MoqError, Runtime } from "@moq-bridge/runtime";

/** A wait with an end. */
export interface TimeLimit<T> {
  readonly runtime: Runtime;
  readonly ms: number;
  /** The error when the time is over. */
  readonly error: () => MoqError;
  /** Gets what came too late. */
  readonly late?: (value: T) => void;
}

/** Settles like `promise`, or rejects when it takes longer than the limit. */
export function withTimeLimit<T>(promise: Promise<T>, limit: TimeLimit<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    const cancel = limit.runtime.setTimer(limit.ms, () => {
      over = true;
      reject(limit.error());
    });
    promise.then(
      (value) => {
        cancel();
        if (over) limit.late?.(value);
        else resolve(value);
      },
      (error) => {
        cancel();
        reject(error);
      },
    );
  });
}
