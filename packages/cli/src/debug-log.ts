import { format } from "node:util";
import debug from "debug";
import type { LineLogger } from "./logger.js";

/** Sends what `DEBUG` or the level `trace` asks for through the logger, so that it passes the redactor too. */
export function routeDebugThrough(log: LineLogger): void {
  if (log.level === "trace") debug.enable("moq:*");
  // Called by debug as a method of the one that logs; the default adds colours and a time of its own.
  debug.formatArgs = function (this: debug.Debugger, args: unknown[]): void {
    args.unshift(this.namespace);
  };
  debug.log = (namespace: string, ...args: unknown[]) => log.trace(namespace, format(...args));
}
