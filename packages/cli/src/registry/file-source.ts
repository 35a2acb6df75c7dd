import { type FSWatcher, watch } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type { AnswerSource } from "@moq-bridge/registry";
import { MoqError } from "@moq-bridge/runtime";
import { reasonOf } from "../token-source.js";

/** Editors write a file in several steps; it is read once they are done. */
const SETTLE_MS = 100;

/** A registry in a JSON file: read at each poll if it changed, and soon after a change. */
export function fileSource(path: string): AnswerSource {
  const file = resolve(path);
  return {
    label: path,
    async get({ headers, maxBytes }) {
      try {
        const { mtimeMs, size } = await stat(file);
        const etag = `"${mtimeMs}-${size}"`;
        const answer = { headers: { etag }, body: new Uint8Array(), url: path };
        if (headers?.["if-none-match"] === etag) return { ...answer, status: 304 };
        if (size > maxBytes) throw fileError(`it is longer than ${maxBytes} bytes`);
        return { ...answer, status: 200, body: await readFile(file) };
      } catch (error) {
        throw error instanceof MoqError ? error : fileError(reasonOf(error), error);
      }
    },
    watch(onChange) {
      let timer: NodeJS.Timeout | undefined;
      const watcher = watchFolder(file, () => {
        clearTimeout(timer);
        timer = setTimeout(onChange, SETTLE_MS);
      });
      return () => {
        clearTimeout(timer);
        watcher?.close();
      };
    },
  };
}

/** Watches the folder, because a file that is replaced is another file. Where that fails, polls are left. */
function watchFolder(file: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(dirname(file), (_event, name) => {
      if (name === null || name === basename(file)) onChange();
    });
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

function fileError(message: string, cause?: unknown): MoqError {
  return new MoqError("registry_file", message, { scope: "process", cause });
}
