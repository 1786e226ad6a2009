import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "smol-toml";
import { type Path, TomlLines } from "../../lib/config/toml_lines.ts";

const TEXT = `# a comment = 1
top = "a # b"
[server]
interfaces = [ # "no"
  "lan0",
  'up0', # [x]
]
text = """
[not.a.table]
"quoted" """
raw = '''
key = 1'''
[store.etcd]
"quoted key".deep = { endpoints = ["a", "b"], tls = { ca = "x" },
  more = 1 }
[[subnet]]
name = "one"
  [[subnet.reservation]]
  mac = 1
  [[subnet.reservation]]
  mac = 2
  options.66 = "x"
[[subnet]]
dates = 1979-05-27T07:32:00Z
[[subnet.reservation]]
  mac = 3
[subnet.options]
ntp = 1
`;

Deno.test("TomlLines finds the line of every key, table and item", () => {
  const lines = new TomlLines(TEXT);
  const table: [Path, number | undefined][] = [
    [["top"], 2],
    [["server"], 3],
    [["server", "interfaces"], 4],
    [["server", "interfaces", 0], 5],
    [["server", "interfaces", 1], 6],
    [["server", "text"], 8],
    [["not"], undefined],
    [["server", "raw"], 11],
    [["store"], 13],
    [["store", "etcd"], 13],
    [["store", "etcd", "quoted key", "deep", "endpoints", 1], 14],
    [["store", "etcd", "quoted key", "deep", "tls", "ca"], 14],
    [["store", "etcd", "quoted key", "deep", "more"], 15],
    [["subnet"], 16],
    [["subnet", 0], 16],
    [["subnet", 0, "name"], 17],
    [["subnet", 0, "reservation", 0], 18],
    [["subnet", 0, "reservation", 0, "mac"], 19],
    [["subnet", 0, "reservation", 1], 20],
    [["subnet", 0, "reservation", 1, "options", "66"], 22],
    [["subnet", 1], 23],
    [["subnet", 1, "dates"], 24],
    [["subnet", 1, "reservation", 0, "mac"], 26],
    [["subnet", 1, "options", "ntp"], 28],
    // What is not there has the line of what is around it.
    [["subnet", 1, "reservation", 0, "ip"], 25],
    [["server", "port"], 3],
    [["nowhere"], undefined],
    [[], undefined],
  ];
  for (const [path, line] of table) assert.equal(lines.of(path), line, JSON.stringify(path));
});

/** Every path of a value. */
function* pathsOf(value: unknown, path: Path = []): Iterable<Path> {
  if (path.length > 0) yield path;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* pathsOf(item, [...path, index]);
  } else if (typeof value === "object" && value !== null && !(value instanceof Date)) {
    for (const [key, item] of Object.entries(value)) yield* pathsOf(item, [...path, key]);
  }
}

const scalar = fc.oneof(
  fc.integer(),
  fc.boolean(),
  fc.constantFrom('"a"', "'b'", '"""c\n[d]\n"""', "'''e\nf = 1'''", '"\\"# ]"', "1.5", "1979-05-27")
    .map((text) => ({ text })),
);
const list = fc.array(scalar, { maxLength: 3 });
const key = fc.constantFrom("a", "b", '"c d"', "'e.f'", "g-1", "2");

function written(value: unknown): string {
  if (Array.isArray(value)) return `[\n${value.map(written).join(", # ]\n")}\n]`;
  return typeof value === "object" ? (value as { text: string }).text : String(value);
}

Deno.test("TomlLines finds, in any TOML, each path that the parser finds", () => {
  const row = fc.tuple(key, fc.oneof(scalar, list));
  const section = fc.tuple(
    fc.constantFrom("[one]", "[two.three]", "[[many]]", "[[many]]", "[[many.more]]"),
    fc.uniqueArray(row, { selector: ([name]) => name, maxLength: 4 }),
  );
  fc.assert(fc.property(fc.array(section, { maxLength: 8 }), (sections) => {
    const text = sections.map(([header, rows]) =>
      [header, ...rows.map(([name, value]) => `${name} = ${written(value)}`)].join("\n")
    ).join("\n# [comment]\n");
    let parsed: unknown;
    try {
      parsed = parse(text);
    } catch {
      return; // A table twice, or a list of tables after a table: no TOML.
    }
    const lines = new TomlLines(text);
    for (const path of pathsOf(parsed)) {
      const line = lines.of(path);
      assert.notEqual(line, undefined, JSON.stringify(path));
      const last = path.at(-1)!;
      if (typeof last === "string") {
        assert.ok(text.split("\n")[line! - 1]!.includes(last), `${JSON.stringify(path)}: ${text}`);
      }
    }
  }));
});

Deno.test("TomlLines comes to an end with any text", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."[]{}=.,\"'#\\\n a1") }), (text) => {
    new TomlLines(text).of(["a"]);
  }));
});
