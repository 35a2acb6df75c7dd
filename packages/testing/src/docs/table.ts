import { type CodeBlock, codeBlocks, placeOf } from "./code-blocks.js";
import { isProgram } from "./programs.js";

/**
 * How a block is run.
 *
 * - `alone`: a program or commands that need nobody else: it ends with exit code 0
 * - `with peers`: the same beside real relays, whose addresses stand in for those of the document
 * - `serves`: as `with peers`, but goes on until it is interrupted; the document, or `until`, says
 *   what it prints when it is ready. Commands go on until the end of their document.
 * - `config`, `registry answer`, `registry mapping`: a file of that kind, read by what reads it
 * - `tested`: by the test file `by`
 * - `not run`: cannot be, or would run the tests within themselves: each of its commands must exist
 * - `picture`: no code; a block without a language
 */
export type BlockUse =
  | { readonly how: "alone" | "with peers" | "config" | "registry answer" | "registry mapping" }
  | { readonly how: "serves"; readonly until?: readonly RegExp[] }
  | { readonly how: "tested"; readonly by: string }
  | { readonly how: "not run"; readonly because: string }
  | { readonly how: "picture" };

/** A block, by its document and a part of its text that no other block there has. */
type Entry = readonly [document: string, having: string, use: BlockUse];

/** What a block without a language must not hold. */
const COMMAND = /^\s*(\$|npm|npx|node|moq-|docker|systemctl|curl) /m;

const CI = "the tests would run themselves; .ci/run does it";
const INSTALL =
  "the packages are in no registry yet; packages/cli/interop/24-packages.test.ts installs them packed";

const TABLE: readonly Entry[] = [
  ["README.md", "npm start", { how: "with peers" }],
  ["README.md", "npm run deps", { how: "not run", because: CI }],
  ["README.md", "moq-bridge doctor", { how: "with peers" }],
  [
    "README.md",
    "moq-bridge run \\\n",
    { how: "serves", until: [/relay: connected/, /cloudflare: connected/, /admin: listening/] },
  ],
  ["README.md", "moq-bridge status", { how: "with peers" }],
  ["README.md", "connectLite", { how: "with peers" }],
  ["README.md", "connectIetf14", { how: "with peers" }],
  ["README.md", "openssl req", { how: "serves", until: [/listening.*kind="quic"/] }],
  ["README.md", "moq-relay-ietf --bind", { how: "serves", until: [/listening on/] }],
  ["README.md", "createServer", { how: "serves", until: [/registry/] }],
  [
    "README.md",
    "npx moq-bridge run --relay-url https://localhost",
    { how: "serves", until: [/relay: connected/, /cloudflare: connected/] },
  ],
  ["README.md", "--publish", { how: "serves", until: [/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/] }],
  [
    "README.md",
    "moq-clock-ietf --namespace",
    { how: "serves", until: [/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/] },
  ],
  ["CONTRIBUTING.md", "npm run test:interop", { how: "not run", because: CI }],
  ["CONTRIBUTING.md", "npx vitest", { how: "not run", because: CI }],
  ["bench/README.md", "npm run hop", { how: "with peers" }],
  ["docs/operating.md", "relayTokenFile", { how: "config" }],
  ["docs/registry.md", "2026-11-23", { how: "registry answer" }],
  ...[
    '"lobby", "since"',
    '"list": ""',
    "earthseed.live/lobby",
    '"slug": "a/b"',
    "data.streams",
    '["a/b"]',
    '"on_cloudflare": true',
    '"list": "live"',
    "teams/7/alice",
  ].map(
    (having): Entry => [
      "docs/registry.md",
      having,
      { how: "tested", by: "packages/registry/src/mapping.test.ts" },
    ],
  ),
  ["docs/registry.md", "--stream lobby/always", { how: "serves", until: [/relay: connected/] }],
  [
    "docs/registry.md",
    "--filter @moq-bridge/registry dev",
    { how: "serves", until: [/Ready on http/] },
  ],
  [
    "docs/registry.md",
    "wrangler d1 create",
    {
      how: "not run",
      because:
        "it needs an account at Cloudflare; packages/registry/registry/wrangler.test.ts runs what does not",
    },
  ],
  ["packages/bridge/README.md", "new Bridge", { how: "serves" }],
  ["packages/cli/README.md", "moq-bridge \\\n", { how: "serves", until: [/relay: connected/] }],
  ["packages/cli/README.md", "moq-bridge list", { how: "with peers" }],
  ["packages/cli/README.md", "moq-bridge demo", { how: "with peers" }],
  ["packages/cli/README.md", "moq-bridge relay", { how: "serves", until: [/open: everybody/] }],
  ["packages/cli/README.md", "runCli", { how: "serves" }],
  ["packages/moq-ietf14-session/README.md", "mediaoverquic", { how: "with peers" }],
  ["packages/testing/README.md", "Scene", { how: "with peers" }],
  ["packages/transport-native/README.md", "loadNative", { how: "with peers" }],
  ["packages/web/README.md", "--filter @moq-bridge/web dev", { how: "serves", until: [/Local:/] }],
];

/**
 * What is to be done with each block of each document.
 *
 * @throws {Error} naming every block that nothing runs, and every entry of the table without a block
 */
export function blockUses(): Map<CodeBlock, BlockUse> {
  const blocks = codeBlocks();
  const faults: string[] = [];
  const uses = new Map<CodeBlock, BlockUse>();
  const unused = new Set(TABLE);
  for (const block of blocks) {
    const entries = TABLE.filter(
      ([document, having]) => document === block.document && block.text.includes(having),
    );
    for (const entry of entries) unused.delete(entry);
    const use = entries.length === 0 ? useWithoutEntry(block) : entries[0]?.[2];
    if (entries.length > 1) faults.push(`${placeOf(block)}: more than one entry is for this block`);
    else if (use) uses.set(block, use);
    else faults.push(`${placeOf(block)}: nothing runs this ${block.language} block`);
  }
  for (const [document, having] of unused) {
    faults.push(`${document}: no block has ${JSON.stringify(having)}`);
  }
  if (faults.length > 0)
    throw new Error(`the table of the documents' blocks:\n${faults.join("\n")}`);
  return uses;
}

/** Programs run alone unless they are listed; everything else has to be. */
function useWithoutEntry(block: CodeBlock): BlockUse | undefined {
  if (isProgram(block)) return { how: "alone" };
  if (block.language === "" && !COMMAND.test(block.text)) return { how: "picture" };
  if (block.language !== "sh") return undefined;
  const lines = block.text.split("\n");
  if (lines.every((line) => line.startsWith("npm install @moq-bridge/"))) {
    return { how: "not run", because: INSTALL };
  }
  return undefined;
}
