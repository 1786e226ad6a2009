import assert from "node:assert/strict";
import { busyRegistry } from "../admin/busy_registry.ts";
import { lacks, run } from "../tools.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const ALERTS = `${ROOT}scripts/alerts.yml`;
const DASHBOARD = `${ROOT}scripts/grafana-dashboard.json`;

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: unknown;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string; readonly datasource: unknown }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { name: string; type: string; definition?: string }[];
  };
}

const dashboard: Dashboard = JSON.parse(Deno.readTextFileSync(DASHBOARD));
const alerts = Deno.readTextFileSync(ALERTS);

/** Every series that a scrape can have, and those that Prometheus itself makes. */
async function seriesNames(): Promise<ReadonlySet<string>> {
  const text = await busyRegistry().metrics();
  return new Set(["up", ...[...text.matchAll(/^(\w+)/gm)].map(([name]) => name)]);
}

/** Words of a PromQL expression that can be nothing but names of series. */
function namesIn(expression: string): string[] {
  const bare = expression.replaceAll(/"[^"]*"/g, "");
  return bare.match(/\b(?:etcdhcp|process|nodejs)_\w+/g) ?? [];
}

function expressionsOf({ panels, templating }: Dashboard): string[] {
  return [
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...templating.list.flatMap(({ definition }) => definition ?? []),
  ];
}

Deno.test("grafana-dashboard.json shows series that exist", async () => {
  const known = await seriesNames();
  const names = expressionsOf(dashboard).flatMap(namesIn);
  assert.ok(names.length > 20);
  for (const name of names) assert.ok(known.has(name), name);
});

Deno.test("grafana-dashboard.json takes its data source from the variable, everywhere", () => {
  const source = { type: "prometheus", uid: "${datasource}" };
  assert.ok(dashboard.templating.list.some(({ name, type }) => name === type));
  for (const { type, title, datasource, targets = [] } of dashboard.panels) {
    if (type === "row") continue;
    assert.deepEqual(datasource, source, title);
    assert.ok(targets.length > 0, title);
    for (const target of targets) assert.deepEqual(target.datasource, source, title);
  }
});

Deno.test("grafana-dashboard.json has panels that neither share an id nor overlap", () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const cells = new Map<string, string>();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    assert.ok(x + w <= 24, title);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        const cell = `${column} ${line}`;
        assert.equal(cells.get(cell), undefined, `${title} lies on ${cells.get(cell)}`);
        cells.set(cell, title);
      }
    }
  }
});

Deno.test("alerts.yml looks at series that exist", async () => {
  const known = await seriesNames();
  const [, ...rules] = alerts.split(/^ *- alert: /m);
  assert.ok(rules.length > 10);
  for (const rule of rules) {
    const [, expression] = /expr: ([\s\S]*?)\n +(?:for|labels):/.exec(rule)!;
    for (const name of namesIn(expression!)) assert.ok(known.has(name), name);
    for (const part of ["severity", "summary", "description"]) {
      assert.ok(rule.includes(`${part}:`), `${rule.split("\n", 1)} has no ${part}`);
    }
  }
});

Deno.test("alerts.yml: the README names each alert", () => {
  const readme = Deno.readTextFileSync(`${ROOT}README.md`);
  for (const [, name = ""] of alerts.matchAll(/- alert: (\w+)/g)) {
    assert.ok(readme.includes(`\`${name}\``), name);
  }
});

Deno.test({
  name: "alerts.yml passes promtool check rules and its own tests",
  ignore: lacks("promtool"),
  fn() {
    assert.match(run("promtool", ["check", "rules", ALERTS]), /SUCCESS: \d+ rules found/);
    assert.match(
      run("promtool", ["test", "rules", `${ROOT}tests/scripts/alerts.test.yml`]),
      /SUCCESS/,
    );
  },
});

Deno.test("alerts.test.yml has every alert fire", () => {
  const tests = Deno.readTextFileSync(`${ROOT}tests/scripts/alerts.test.yml`);
  for (const [, name = ""] of alerts.matchAll(/- alert: (\w+)/g)) {
    assert.ok(tests.includes(`alertname="${name}"`), name);
  }
});

Deno.test({
  name: "grafana-dashboard.json asks what Prometheus understands",
  ignore: lacks("promtool"),
  async fn() {
    const expressions = dashboard.panels.flatMap(({ targets = [] }) =>
      targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "5m"))
    );
    // promtool reads expressions in rules; JSON is YAML.
    const rules = expressions.map((expr, index) => ({ record: `panel:${index}`, expr }));
    const path = await Deno.makeTempFile({ suffix: ".yml" });
    try {
      await Deno.writeTextFile(path, JSON.stringify({ groups: [{ name: "panels", rules }] }));
      run("promtool", ["check", "rules", path]);
    } finally {
      await Deno.remove(path);
    }
  },
});
