import { InvalidArgumentError, Option } from "commander";
import type { DefineCommand } from "../command.js";
import { printable } from "../printable.js";
import { type ListOptions, listBroadcasts } from "../tools/list.js";
import { type PubOptions, publishLines } from "../tools/pub.js";
import { frameJson, frameLine, readTrack, SUB_FORMATS, type SubOptions } from "../tools/sub.js";
import { addTargetFlags, readTarget } from "../tools/target.js";

/** `moq-bridge list URL`: what a relay announces. */
export const defineList: DefineCommand = (program, { host, redactor }) => {
  const command = program
    .command("list")
    .description("list a relay's broadcasts")
    .argument("<url>", "the relay")
    .option("--follow", "go on with what comes (+) and goes (-)")
    .option("--prefix <path>", "only broadcasts under this path")
    .allowExcessArguments(false)
    .action(async (url: string, options: ListOptions) => {
      const target = await readTarget(url, options, redactor);
      const write = (line: string) => host.writeOut(`${printable(redactor.redact(line))}\n`);
      await listBroadcasts(target, options, write, host.stopRequested);
    });
  addTargetFlags(command);
};

/** `moq-bridge sub URL PATH TRACK`: reads a track. */
export const defineSub: DefineCommand = (program, { host, redactor }) => {
  const command = program
    .command("sub")
    .description("read a track and write its frames to standard output")
    .argument("<url>", "the relay")
    .argument("<path>", "the broadcast")
    .argument("<track>", "the track")
    .addOption(
      new Option("--format <format>", "a line of text or JSON for each frame, or raw payloads")
        .choices(SUB_FORMATS)
        .default("text"),
    )
    .option("--count <count>", "end after so many frames", wholeNumber)
    .allowExcessArguments(false)
    .action(async (url: string, path: string, track: string, options: SubOptions) => {
      const target = await readTarget(url, options, redactor);
      await readTrack(
        target,
        { path, track },
        options,
        {
          onFrame: (frame) => {
            if (options.format === "raw") host.writeBytes(frame.payload);
            else host.writeOut(`${(options.format === "json" ? frameJson : frameLine)(frame)}\n`);
          },
          onWaiting: () => {
            const line = redactor.redact(`${path} is not live; waiting for it`);
            host.writeError(`moq-bridge: ${printable(line)}\n`);
          },
        },
        host.stopRequested,
      );
    });
  addTargetFlags(command);
};

/** `moq-bridge pub URL PATH TRACK`: publishes the lines of standard input. */
export const definePub: DefineCommand = (program, { host, redactor }) => {
  const command = program
    .command("pub")
    .description("publish each line of standard input as a frame")
    .argument("<url>", "the relay")
    .argument("<path>", "the broadcast")
    .argument("<track>", "the track")
    .option("--group-size <count>", "frames in a group", wholeNumber, 1)
    .allowExcessArguments(false)
    .action(async (url: string, path: string, track: string, options: PubOptions) => {
      const target = await readTarget(url, options, redactor);
      await publishLines(target, { path, track }, options, host.input, host.stopRequested);
    });
  addTargetFlags(command);
};

function wholeNumber(text: string): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1) throw new InvalidArgumentError("It must be a whole number from 1.");
  return number;
}
