import type { DefineCommand } from "../command.js";

interface InteropFlags {
  readonly relay?: string;
  readonly test?: string;
  readonly list?: boolean;
  readonly verbose?: boolean;
  readonly tlsDisableVerify?: boolean;
}

/** The relay of moq-interop-runner's contract where none is given. */
const DEFAULT_RELAY = "https://localhost:4443";

/** A case or a transport that this client does not have (moq-interop-runner's contract). */
const UNSUPPORTED = 127;

/** `moq-bridge interop`: a test client for moq-interop-runner, draft-14, TAP 14 on standard output. */
export const defineInterop: DefineCommand = (program, { host, redactor, exit }) => {
  program
    .command("interop")
    .description("test a draft-14 relay as moq-interop-runner does; prints TAP 14")
    .option("-r, --relay <url>", `the relay, https:// (RELAY_URL), ${DEFAULT_RELAY} unless given`)
    .option("-t, --test <name>", "one test; default all (TESTCASE)")
    .option("-l, --list", "list the tests")
    .option("-v, --verbose", "say what was received, also of tests that pass (VERBOSE=1)")
    .option("--tls-disable-verify", "accept any certificate (TLS_DISABLE_VERIFY=1)")
    .allowExcessArguments(false)
    .action(async (flags: InteropFlags) => {
      const { runTestCase, TEST_CASES } = await import("../interop/test-cases.js");
      const print = (line: string) => host.writeOut(`${redactor.redact(line)}\n`);
      if (flags.list) {
        for (const { name } of TEST_CASES) print(name);
        return;
      }
      const { environment } = host;
      const { RELAY_URL, TESTCASE = "" } = environment;
      const isSet = (name: string) => environment[name] === "1" || environment[name] === "true";
      const url = flags.relay ?? (RELAY_URL || DEFAULT_RELAY);
      redactor.addUrl(url);
      const wanted = flags.test ?? (TESTCASE === "" ? undefined : TESTCASE);
      const tests = TEST_CASES.filter(({ name }) => wanted === undefined || name === wanted);
      if (!URL.canParse(url) || new URL(url).protocol !== "https:" || tests.length === 0) {
        print("TAP version 14");
        print(
          `Bail out! ${tests.length === 0 ? "no such test; --list names them" : "only https:// is supported"}`,
        );
        exit(UNSUPPORTED);
        return;
      }
      const insecure = flags.tlsDisableVerify ?? isSet("TLS_DISABLE_VERIFY");
      const verbose = flags.verbose ?? isSet("VERBOSE");
      print("TAP version 14");
      print("# moq-bridge interop");
      print(`# Relay: ${url}`);
      print("# Draft: draft-14");
      print(`1..${tests.length}`);
      for (const [index, test] of tests.entries()) {
        const { passed, received, durationMs } = await runTestCase(test, { url, insecure });
        print(`${passed ? "ok" : "not ok"} ${index + 1} - ${test.name}`);
        print("  ---");
        print(`  duration_ms: ${Math.round(durationMs)}`);
        if (!passed) print(`  expected: ${test.expected}`);
        if (!passed || verbose) print(`  received: ${JSON.stringify(received)}`);
        print("  ...");
        if (!passed) exit(1);
      }
    });
};
