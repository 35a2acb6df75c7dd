import { execFile } from "node:child_process";
import { chmod, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** A step of the image that compiles and downloads takes minutes at most. */
const STEP_MS = 300_000;

/** What the Dockerfile makes, made on this machine. */
export interface Image {
  /** The packed packages. */
  readonly packed: string;
  /** Where they are installed. */
  readonly app: string;
  /** Its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** What a container runs, and how its health is asked. */
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
  remove(): Promise<void>;
}

/**
 * Runs the Dockerfile's steps in a folder that holds what `COPY . .` takes,
 * with /packed and /app beside it. The system packages and cargo are this
 * machine's: the one step that installs those is left out.
 */
export async function buildImage(): Promise<Image> {
  const folder = await mkdtemp(join(tmpdir(), "moq-bridge-image-"));
  // Others than its owner are to run what is in it.
  await chmod(folder, 0o755);
  const [source, packed, app] = ["source", "packed", "app"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const here = (text: string) =>
    text.replaceAll(/(?<![\w.])\/(packed|app)\b/g, (path) => join(folder, path));
  const [build = [], runtime = []] = stages(await readFile(join(ROOT, "Dockerfile"), "utf8"));
  const ignored = await readIgnored();
  await cp(ROOT, source, {
    recursive: true,
    filter: (path) => !ignored(relative(ROOT, path)),
  });
  for (const step of argumentsOf(build, "RUN")) {
    if (step.includes("apt-get")) continue;
    await run("sh", ["-c", here(step)], { cwd: source, timeout: STEP_MS, maxBuffer: 2 ** 26 });
  }
  const json = (text: string | undefined): string[] => JSON.parse(here(text ?? "[]"));
  const environment = argumentsOf(runtime, "ENV").map(
    (pair) => pair.split("=") as [string, string],
  );
  const [healthCheck] = argumentsOf(runtime, "HEALTHCHECK");
  return {
    packed,
    app,
    environment: Object.fromEntries(environment),
    command: [
      ...json(argumentsOf(runtime, "ENTRYPOINT").at(-1)),
      ...json(argumentsOf(runtime, "CMD").at(-1)),
    ],
    healthCheck: json(healthCheck?.replace(/^.*?CMD /, "")),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The instructions of each stage, a line each. */
function stages(dockerfile: string): string[][] {
  const lines = dockerfile
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n");
  const found: string[][] = [];
  for (const line of lines) {
    if (line.startsWith("FROM ")) found.push([]);
    found.at(-1)?.push(line);
  }
  return found;
}

function argumentsOf(stage: readonly string[], instruction: string): string[] {
  return stage
    .filter((line) => line.startsWith(`${instruction} `))
    .map((line) => line.slice(instruction.length + 1));
}

/** What .dockerignore keeps out. */
async function readIgnored(): Promise<(path: string) => boolean> {
  const lines = (await readFile(join(ROOT, ".dockerignore"), "utf8")).trim().split("\n");
  return (path) =>
    lines.some((line) =>
      line.startsWith("**/*")
        ? path.endsWith(line.slice("**/*".length))
        : line.startsWith("**/")
          ? basename(path) === line.slice("**/".length)
          : path === line,
    );
}
