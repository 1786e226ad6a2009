import assert from "node:assert/strict";
import { readConfigFile } from "../../lib/config/file.ts";

const TABLE: readonly [string, string][] = [
  [
    "ISC dhcpd's dhcpd.conf",
    "# ours\nauthoritative;\nsubnet 10.6.9.0 netmask 255.255.255.0 {\n}\n",
  ],
  ["ISC dhcpd's dhcpd.conf", 'option domain-name "example.org";\ndefault-lease-time 600;\n'],
  ["Kea's JSON", '// ours\n{ "Dhcp4": { "subnet4": [] } }\n'],
  ["Kea's JSON", '/* ours\n */\n# too\n{"Dhcp4": {}\n'],
  ["JSON", '{\n  "subnets": []\n}\n'],
  ["dnsmasq's dnsmasq.conf", "interface=eth0\ndhcp-range=10.6.9.10,10.6.9.99,12h\n"],
];

for (const [language, text] of TABLE) {
  Deno.test(`readConfigFile tells ${language} by ${JSON.stringify(text.slice(0, 24))}`, () => {
    const { problems, isToml } = readConfigFile("site.conf", text);
    assert.equal(isToml, false);
    assert.deepEqual(problems, [
      `site.conf: this looks like ${language}; etcdhcp reads TOML, see ` +
      '"Configuration file" in README',
    ]);
  });
}

Deno.test("readConfigFile takes a slip in TOML for what it is", () => {
  const { problems } = readConfigFile("site.toml", '[server]\ninterfaces = ["lan0"\nport = 67\n');
  assert.match(problems.join(), /^site\.toml:\d+: column \d+: not TOML: /);
});

Deno.test("readConfigFile is done with banners, blanks and long lines", () => {
  const texts = ["#".repeat(5000) + "\n[server", "# ".repeat(5000) + "\n[server"];
  texts.push(" \t".repeat(5000) + "[server", "\n \n".repeat(5000) + "[server");
  texts.push("/*".repeat(5000) + "\n[server", "{" + '"Dhcp4" '.repeat(2000), "host x".repeat(5000));
  texts.push("option a ".repeat(5000));
  for (const text of texts) assert.ok(readConfigFile("site.toml", text).problems.length > 0);
});
