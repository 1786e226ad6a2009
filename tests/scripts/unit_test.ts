import assert from "node:assert/strict";
import { lacks } from "../tools.ts";
import { outcome } from "./tools.ts";

const UNIT = new URL("../../scripts/etcdhcp.service", import.meta.url).pathname;

const ignore = lacks("systemd-analyze");

Deno.test({
  name: "etcdhcp.service: systemd has nothing to say against it",
  ignore,
  async fn() {
    const directory = await Deno.makeTempDir({ prefix: "etcdhcp-unit-" });
    try {
      // Whether the program is installed on this machine is not the question.
      const text = await Deno.readTextFile(UNIT);
      assert.match(text, /^ExecStart=\/usr\/bin\/etcdhcp serve$/m);
      const unit = `${directory}/etcdhcp.service`;
      await Deno.writeTextFile(unit, text.replaceAll("/usr/bin/etcdhcp", "/bin/true"));
      // The units that ours refers to are the machine's: their flaws are not ours.
      const alone = ["--man=no", "--recursive-errors=no"];
      const { code, said } = await outcome(["systemd-analyze", "verify", ...alone, unit]);
      const ours = said.split("\n").filter((line) => line.includes("etcdhcp"));
      assert.deepEqual({ code, ours }, { code: 0, ours: [] });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test({
  name: "etcdhcp.service: its exposure is 1.5 at most",
  ignore,
  async fn() {
    const { said } = await outcome(["systemd-analyze", "security", "--offline=true", UNIT]);
    const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(said) ?? [];
    assert.ok(Number(exposure) <= 1.5, said);
  },
});

Deno.test("etcdhcp.service: what the program relies on", async () => {
  const text = await Deno.readTextFile(UNIT);
  const settings = text.split("\n").filter((line) => /^[A-Z]\w+=/.test(line));
  for (
    const wanted of [
      "Type=notify",
      "DynamicUser=yes",
      "StateDirectory=etcdhcp",
      // Where the notifications are sent from: permissions name the place.
      "RuntimeDirectory=etcdhcp",
      "WatchdogSec=30",
      "Restart=on-failure",
      "ExecReload=/bin/kill -HUP $MAINPID",
      "EnvironmentFile=-/etc/default/etcdhcp",
      "Environment=ETCDHCP_CONFIG=/etc/etcdhcp/etcdhcp.toml",
    ]
  ) assert.ok(settings.includes(wanted), wanted);
  const capabilities = settings.filter((line) => /^(Ambient|.*Bounding)/.test(line))
    .flatMap((line) => line.split("=")[1]!.split(" "));
  assert.deepEqual([...new Set(capabilities)], ["CAP_NET_BIND_SERVICE", "CAP_NET_RAW"]);
  // JavaScript is compiled while it runs.
  assert.ok(!settings.some((line) => line.startsWith("MemoryDenyWriteExecute=")));
});
