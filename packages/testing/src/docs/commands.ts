import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { packageNames, ROOT } from "./code-blocks.js";

type Scripts = Readonly<Record<string, string>>;

/** What keeps commands of a document from running: a script, package or tool that is not there. */
export function commandFaults(document: string, text: string): string[] {
  const folders = [ROOT, join(ROOT, dirname(document))].filter((folder) =>
    existsSync(join(folder, "package.json")),
  );
  const scripts = Object.assign({}, ...folders.map(scriptsOf));
  return text
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => line.replace(/\s#.*$/, "").trim())
    .filter((line) => line !== "")
    .flatMap((line) => {
      const fault = faultOf(line.split(/\s+/), scripts);
      return fault === undefined ? [] : [`\`${line}\`: ${fault}`];
    });
}

function faultOf(words: readonly string[], scripts: Scripts): string | undefined {
  const [first = "", second = "", third = ""] = words;
  if (existsSync(join(ROOT, first)) && first.includes("/")) return undefined;
  if (first === "npm" && second === "install") return missingPackage(words.slice(2));
  if (first === "npm") {
    const script = second === "run" ? third : second;
    return scripts[script] ? undefined : `package.json has no script "${script}"`;
  }
  if (first === "npx") return toolFault(words.slice(second === "-y" ? 2 : 1));
  return `nothing is known of "${first}"`;
}

function toolFault([tool = "", ...args]: readonly string[]): string | undefined {
  if (tool.startsWith("pnpm@")) {
    const { packageManager } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    if (tool !== packageManager) return `package.json says ${packageManager}`;
    const [flag, name = "", script = ""] = args;
    const folder = folderOf(name);
    if (flag !== "--filter" || !folder) return `there is no package ${name}`;
    return scriptsOf(folder)[script] ? undefined : `${name} has no script "${script}"`;
  }
  const isInstalled = [ROOT, ...packageFolders()].some((folder) =>
    existsSync(join(folder, "node_modules", ".bin", tool)),
  );
  return isInstalled ? undefined : `${tool} is not installed`;
}

function missingPackage(names: readonly string[]): string | undefined {
  const missing = names.find((name) => !folderOf(name));
  return missing === undefined ? undefined : `there is no package ${missing}`;
}

function packageFolders(): string[] {
  return packageNames().map((name) => join(ROOT, "packages", name));
}

function folderOf(name: string): string | undefined {
  return packageFolders().find((folder) => manifestOf(folder).name === name);
}

function scriptsOf(folder: string): Scripts {
  return manifestOf(folder).scripts ?? {};
}

function manifestOf(folder: string): {
  readonly name: string;
  readonly scripts?: Scripts;
} {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}
