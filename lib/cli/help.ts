/**
 * What --help says.
 *
 * @module
 */

import { Argument, Command as Page, Option } from "commander";
import type { Command } from "./command.ts";

function page(name: string, usage: string, summary: string, notes: string): Page {
  return new Page(name)
    .usage(usage)
    .description(summary)
    .helpOption(false)
    .helpCommand(false)
    .configureHelp({
      helpWidth: 100,
      // A flag of one letter takes one dash, as everywhere.
      optionTerm: (option) => option.flags.replace(/^--(?=\S( |$))/, "-"),
    })
    // Colour is never used, and asking the terminal for it would read the environment.
    .configureOutput({ getOutHasColors: () => false })
    .addHelpText("after", `\n${notes}`);
}

/** Renders what the page prints; its help text goes out in several writes. */
function render(page: Page): string {
  let text = "";
  page.configureOutput({ writeOut: (part) => text += part });
  page.outputHelp();
  return text;
}

/** What a list of commands shows of each. */
interface Listed {
  readonly name: string;
  readonly summary: string;
}

/** Help for the program, or for the commands of one group. */
export function listHelp(group: Listed | undefined, commands: readonly Listed[]): string {
  const name = group === undefined ? "etcdhcp" : `etcdhcp ${group.name}`;
  const note = group === undefined
    ? "Without a command, etcdhcp serves. Help on one command: etcdhcp COMMAND --help"
    : `Help on one command: ${name} COMMAND --help`;
  const usage = group === undefined ? "[COMMAND] [FLAGS]" : "COMMAND [FLAGS]";
  const top = page(name, usage, `${group?.summary ?? "A DHCPv4 server"}.`, note);
  for (const { name, summary } of commands) {
    top.command(group === undefined ? name : name.slice(group.name.length + 1)).summary(summary);
  }
  return render(top);
}

/** Help for one command: its flags under their headings. */
export function commandHelp(command: Command): string {
  const syntax =
    "A flag takes one dash or two, and its value after = or a space. Of a repeated flag " +
    "the last counts.";
  const notes = command.notes === undefined ? syntax : `${syntax}\n${command.notes}`;
  const operands = command.operands ?? [];
  const usage = ["[FLAGS]", ...operands.map(({ name, optional }) => optional ? `[${name}]` : name)];
  const one = page(`etcdhcp ${command.name}`, usage.join(" "), `${command.summary}.`, notes);
  for (const { name, help } of operands) one.addArgument(new Argument(`<${name}>`, help));
  for (const { name, placeholder, group, help } of command.flags) {
    if (group === undefined) continue;
    const value = placeholder === "" ? "" : ` <${placeholder}>`;
    one.addOption(new Option(`--${name}${value}`, help).helpGroup(`${group}:`));
  }
  return render(one);
}
