/** Facts beside a log line. Values are shown as given; secrets are redacted by the logger. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where the bridge says what happens: one plain line each. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
