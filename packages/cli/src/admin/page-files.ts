import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { packageFile } from "../package-files.js";

/** A file of the status page. */
export interface PageFile {
  readonly type: string;
  readonly location: () => string | URL;
}

const require = createRequire(import.meta.url);
const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";

/** The status page by the paths it is served at; the plotting library is a package of its own. */
export const PAGE_FILES: ReadonlyMap<string, PageFile> = new Map([
  ["/", { type: HTML, location: () => packageFile("page/index.html") }],
  ["/page.js", { type: SCRIPT, location: () => packageFile("page/page.js") }],
  ["/plots.js", { type: SCRIPT, location: () => packageFile("page/plots.js") }],
  ["/page.css", { type: STYLE, location: () => packageFile("page/page.css") }],
  ["/favicon.svg", { type: "image/svg+xml", location: () => packageFile("page/favicon.svg") }],
  ["/uplot.js", { type: SCRIPT, location: () => require.resolve("uplot/dist/uPlot.esm.js") }],
  ["/uplot.css", { type: STYLE, location: () => require.resolve("uplot/dist/uPlot.min.css") }],
]);

/** The text of one. */
export function readPageFile({ location }: PageFile): string {
  return readFileSync(location(), "utf8");
}
