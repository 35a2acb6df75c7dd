import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineLogger, LOG_LEVELS, type LogFormat, type LogLevel } from "./logger.js";
import { MASK, Redactor } from "./redactor.js";

function setUp(format: LogFormat, level: LogLevel = "debug") {
  const lines: string[] = [];
  const redactor = new Redactor();
  const log = new LineLogger({
    level,
    format,
    redactor,
    wallClock: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    write: (line) => lines.push(line),
  });
  return { lines, redactor, log };
}

describe("text lines", () => {
  it("show time, level, message and fields", () => {
    const { log, lines } = setUp("text");
    log.info("connected", {
      side: "relay",
      after: 3,
      how: 'by "force"',
      none: undefined,
      ok: true,
    });
    log.error("lost");
    expect(lines).toEqual([
      '2026-01-02T03:04:05.678Z info  connected side=relay after=3 how="by \\"force\\"" ok=true\n',
      "2026-01-02T03:04:05.678Z error lost\n",
    ]);
  });

  it("show control characters in plain form", () => {
    const { log, lines } = setUp("text");
    log.warn("a\nb\u001b[31m\u0085\u2028", { name: "x\r\n2026 info forged" });
    expect(lines[0]).toBe(
      '2026-01-02T03:04:05.678Z warn  a\\u000ab\\u001b[31m\\u0085\\u2028 name="x\\r\\n2026 info forged"\n',
    );
  });
});

describe("JSON lines", () => {
  it("hold the same, and fields cannot stand in for it", () => {
    const { log, lines } = setUp("json");
    log.info("connected", { side: "relay", after: 3, level: "error", message: "forged" });
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      time: "2026-01-02T03:04:05.678Z",
      level: "info",
      message: "connected",
      side: "relay",
      after: 3,
    });
  });
});

describe("levels", () => {
  it.each(LOG_LEVELS.map((level, index) => [level, LOG_LEVELS.slice(index)] as const))(
    "%s writes %j",
    (level, written) => {
      const { log, lines } = setUp("json", level);
      for (const each of LOG_LEVELS) if (each !== "trace") log[each]("x");
      expect(lines.map((line) => JSON.parse(line).level)).toEqual(
        written.filter((each) => each !== "trace"),
      );
    },
  );

  it("do not hold back what was asked for by name", () => {
    const { log, lines } = setUp("text", "error");
    log.trace("moq:registry", "polled");
    expect(lines[0]).toContain("trace polled name=moq:registry");
  });
});

describe("every line", () => {
  const token = fc.string({ minLength: 6, maxLength: 40 }).filter((text) => !MASK.includes(text));
  const format = fc.constantFrom<LogFormat>("text", "json");

  it("is one line without the secret, whatever message and fields hold", () => {
    fc.assert(
      fc.property(token, format, fc.string(), fc.string(), (secret, form, before, after) => {
        const { log, lines, redactor } = setUp(form);
        redactor.addSecret(secret);
        // A secret that occurs in every line says nothing: "info", a time.
        log.info("");
        fc.pre(!lines[0]?.includes(secret));
        log.info(before + secret + after, { a: secret, b: `${after}${secret}`, [secret]: 1 });
        log.trace(secret, secret);
        for (const line of lines.slice(1)) {
          expect(line.match(/[\n\r]/g)).toEqual(["\n"]);
          if (form === "text") expect(line).not.toContain(secret);
          else {
            for (const [name, value] of Object.entries(JSON.parse(line))) {
              expect(name).not.toContain(secret);
              expect(String(value)).not.toContain(secret);
            }
          }
        }
      }),
    );
  });
});
