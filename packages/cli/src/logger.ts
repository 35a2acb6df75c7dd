import type { LogFields, Logger } from "@moq-bridge/bridge";
import type { Redactor } from "./redactor.js";

/** From the most to the least said; `trace` adds what `DEBUG=moq:*` shows. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** What a {@link LineLogger} is set up with. */
export interface LineLoggerOptions {
  /** Lines of this level and above are written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly redactor: Redactor;
  /** Milliseconds since the Unix epoch. */
  readonly wallClock: () => number;
  /** Takes one line, its newline included. */
  readonly write: (line: string) => void;
}

/** Writes one line for each message, whatever is in it, without secrets. */
export class LineLogger implements Logger {
  readonly #options: LineLoggerOptions;

  constructor(options: LineLoggerOptions) {
    this.#options = options;
  }

  debug(message: string, fields?: LogFields): void {
    this.#log("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#log("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#log("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#log("error", message, fields);
  }

  get level(): LogLevel {
    return this.#options.level;
  }

  /** Writes what a package says inside: it was asked for by name or by the level `trace`. */
  trace(name: string, message: string): void {
    this.#write("trace", message, { name });
  }

  #log(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.#options.level)) return;
    this.#write(level, message, fields ?? {});
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    const { format, redactor, wallClock, write } = this.#options;
    const time = new Date(wallClock()).toISOString();
    const shown = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [
        redactor.redact(name),
        typeof value === "string" ? redactor.redact(value) : value,
      ]);
    const text = redactor.redact(message);
    if (format === "json") {
      const head = { time, level, message: text };
      // First for the eye, and last so that no field can stand in for it.
      const line = JSON.stringify({ ...head, ...Object.fromEntries(shown), ...head });
      write(`${escapeControls(line)}\n`);
      return;
    }
    const pairs = shown.map(([name, value]) => ` ${name}=${quoteIfNeeded(String(value))}`).join("");
    // Once more over the whole: a secret may only come about where the parts meet.
    const line = redactor.redact(`${text}${pairs}`);
    write(`${time} ${level.padEnd(5)} ${escapeControls(line)}\n`);
  }
}

/** The JSON form, in which a line break or a terminal's escape is plain text. */
function escapeControls(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the point
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function quoteIfNeeded(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
