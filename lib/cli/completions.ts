/**
 * The `completions` command: what a shell needs to complete commands, flags and their values.
 *
 * @module
 */

import { type Command, type Flag, type Operand, refuse } from "./command.ts";

/** What can stand at a place of the command line. */
type Values =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" }
  | { readonly kind: "any" };

const SHELLS = ["bash", "zsh", "fish"] as const;

/** What each shell is given to read. */
const SCRIPTS: Readonly<Record<string, (commands: readonly Command[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/**
 * The command.
 *
 * @param load every command of the program.
 */
export function completions(load: () => Promise<readonly Command[]>): Command {
  return {
    name: "completions",
    summary: "Print what a shell needs to complete command lines",
    flags: [],
    operands: [{ name: "SHELL", help: "bash, zsh or fish", choices: SHELLS }],
    notes: "Bash: source <(etcdhcp completions bash)\n" +
      'Zsh: etcdhcp completions zsh > "${fpath[1]}/_etcdhcp"\n' +
      "Fish: etcdhcp completions fish > ~/.config/fish/completions/etcdhcp.fish",
    async run({ operands, problems }, edges) {
      if (problems.length > 0) return refuse(problems, edges);
      edges.out(SCRIPTS[operands.get("SHELL")!]!(await load()));
      return 0;
    },
  };
}

function valuesOf(placeholder: string): Values {
  if (/^[a-z]+(\|[a-z]+)+$/.test(placeholder)) {
    return { kind: "words", words: placeholder.split("|") };
  }
  return placeholder === "FILE" ? { kind: "file" } : { kind: "any" };
}

function operandValues({ name, choices }: Operand): Values {
  return choices === undefined ? valuesOf(name) : { kind: "words", words: choices };
}

/** Flags that help shows; the others are taken for old unit files' sake. */
function shownFlags({ flags }: Command): readonly Flag[] {
  return flags.filter(({ group }) => group !== undefined);
}

function dashed({ name }: Flag): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** The first words, and of each that is a group the second ones. */
function wordsOf(commands: readonly Command[]): Map<string, string[]> {
  const words = new Map<string, string[]>([["help", []]]);
  for (const { name } of commands) {
    const [first, second] = name.split(" ") as [string, string?];
    if (!words.has(first)) words.set(first, []);
    if (second !== undefined) words.get(first)!.push(second);
  }
  return words;
}

/** Single quotes around text for any of the shells; fish takes backslashes for escapes. */
function quoted(text: string, shell: "sh" | "fish" = "sh"): string {
  return shell === "sh"
    ? `'${text.replaceAll("'", `'\\''`)}'`
    : `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}

/** The words that follow each command, each flag that takes a value, and each command's operand. */
function* cases(commands: readonly Command[]): Iterable<readonly [string, Values]> {
  const words = wordsOf(commands);
  for (const [first, seconds] of words) {
    if (seconds.length > 0) yield [`group ${first}`, { kind: "words", words: seconds }];
  }
  for (const command of commands) {
    const flags = shownFlags(command).map(dashed);
    yield [`flags ${command.name}`, { kind: "words", words: [...flags, "--help"] }];
    for (const [index, operand] of (command.operands ?? []).entries()) {
      yield [`operand ${command.name} ${index}`, operandValues(operand)];
    }
    for (const flag of shownFlags(command)) {
      if (flag.placeholder === "") continue;
      yield [`value ${command.name} ${flag.name}`, valuesOf(flag.placeholder)];
    }
  }
}

/** A shell function's `case` that sets `kind` and `words` for a key. */
function caseLines(commands: readonly Command[]): string {
  return [...cases(commands)].map(([key, values]) => {
    const words = values.kind === "words" ? values.words.join(" ") : "";
    return `    ${quoted(key)}) kind=${values.kind} list=${quoted(words)} ;;`;
  }).join("\n");
}

/** What bash and zsh share: from the words before the cursor to what may come. */
function walk(commands: readonly Command[]): string {
  const words = wordsOf(commands);
  const groups = [...words].filter(([, seconds]) => seconds.length > 0).map(([first]) => first);
  const singles = [...words].filter(([, seconds]) => seconds.length === 0).map(([first]) => first);
  return `# What may come in a place: sets kind (words, file, any, none) and list.
_etcdhcp_look() {
  case "$1" in
${caseLines(commands)}
    *) kind=none list='' ;;
  esac
}

# What may come after the given words: sets kind and list, for the last word $1.
_etcdhcp_next() {
  local current="$1" command='' flag='' operands=0 word
  shift
  for word in "$@"; do
    if [ -n "$flag" ]; then
      flag=''
      continue
    fi
    case "$word" in
      -*=*) ;;
      -*)
        flag="\${word#-}"
        flag="\${flag#-}"
        _etcdhcp_look "value \${command:-serve} $flag"
        [ "$kind" = none ] && flag=''
        ;;
      *)
        case "$command" in
          '' | ${groups.map((group) => quoted(group)).join(" | ") || "''"})
            command="\${command:+$command }$word"
            ;;
          help) command="$word" ;;
          *) operands=$((operands + 1)) ;;
        esac
        ;;
    esac
  done
  if [ -n "$flag" ]; then
    _etcdhcp_look "value \${command:-serve} $flag"
    return
  fi
  case "$current" in
    -*)
      _etcdhcp_look "flags \${command:-serve}"
      return
      ;;
  esac
  case "$command" in
    '' | help) kind=words list=${quoted([...singles, ...groups].join(" "))} ;;
    ${groups.map((group) => quoted(group)).join(" | ") || "none"}) _etcdhcp_look "group $command" ;;
    *) _etcdhcp_look "operand $command $operands" ;;
  esac
}
`;
}

function bashScript(commands: readonly Command[]): string {
  return `# Completions of etcdhcp for bash.

${walk(commands)}
_etcdhcp() {
  local kind list current="\${COMP_WORDS[COMP_CWORD]}"
  local before=("\${COMP_WORDS[@]:1:COMP_CWORD-1}")
  # Bash makes three words of --flag=value.
  local count=\${#before[@]}
  if [ "$current" = '=' ]; then
    current=''
  elif [ "$count" -gt 0 ] && [ "\${before[count-1]}" = '=' ]; then
    unset 'before[count-1]'
  fi
  _etcdhcp_next "$current" "\${before[@]}"
  case "$kind" in
    words) COMPREPLY=($(compgen -W "$list" -- "$current")) ;;
    file)
      compopt -o filenames 2>/dev/null
      local IFS=$'\\n'
      COMPREPLY=($(compgen -f -- "$current"))
      ;;
    *) COMPREPLY=() ;;
  esac
}

complete -F _etcdhcp etcdhcp
`;
}

function zshScript(commands: readonly Command[]): string {
  return `#compdef etcdhcp
# Completions of etcdhcp for zsh.

${walk(commands)}
_etcdhcp() {
  local kind list
  _etcdhcp_next "\${words[CURRENT]}" "\${(@)words[2,CURRENT-1]}"
  case "$kind" in
    words) compadd -- \${=list} ;;
    file) _files ;;
  esac
}

if [ "\${funcstack[1]}" = _etcdhcp ]; then
  _etcdhcp "$@"
elif [ -n "$_comps" ]; then
  compdef _etcdhcp etcdhcp
fi
`;
}

function fishScript(commands: readonly Command[]): string {
  const words = wordsOf(commands);
  const lines = ["# Completions of etcdhcp for fish.", "complete -c etcdhcp -f"];
  const add = (condition: string, rest: string) => {
    lines.push(`complete -c etcdhcp -n ${quoted(condition, "fish")} ${rest}`);
  };
  const summaries = new Map(commands.map(({ name, summary }) => [name, summary]));
  for (const [first, seconds] of words) {
    const summary = summaries.get(first);
    const note = summary === undefined ? "" : ` -d ${quoted(summary, "fish")}`;
    add("__fish_use_subcommand", `-a ${quoted(first, "fish")}${note}`);
    for (const second of seconds) {
      const what = quoted(summaries.get(`${first} ${second}`)!, "fish");
      const others = seconds.join(" ");
      add(
        `__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${others}`,
        `-a ${quoted(second, "fish")} -d ${what}`,
      );
    }
  }
  add("__fish_seen_subcommand_from help", `-a ${quoted([...words.keys()].join(" "), "fish")}`);
  for (const command of commands) {
    const seen = command.name.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
    const condition = command.name === "serve"
      ? `__fish_use_subcommand; or ${seen.join("; and ")}`
      : seen.join("; and ");
    for (const operand of command.operands ?? []) {
      add(condition, fishValues(operandValues(operand), ""));
    }
    for (const flag of shownFlags(command)) {
      const option = flag.name.length === 1 ? `-s ${flag.name}` : `-l ${flag.name}`;
      const takes = flag.placeholder === "" ? "" : fishValues(valuesOf(flag.placeholder), "-x ");
      add(condition, `${option} ${takes} -d ${quoted(flag.help, "fish")}`.replaceAll("  ", " "));
    }
  }
  return lines.join("\n") + "\n";
}

/** @param exclusive what says that the values are all there is. */
function fishValues(values: Values, exclusive: string): string {
  switch (values.kind) {
    case "words":
      return `${exclusive}-a ${quoted(values.words.join(" "), "fish")}`;
    case "file":
      return exclusive === "" ? "-F" : "-r -F";
    case "any":
      return exclusive.trim();
  }
}
