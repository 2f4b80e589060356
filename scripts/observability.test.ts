// observability/*.yaml against what the functions really export: a rule about a metric that nobody has
// never fires, and nobody notices. What the rules do is for promtool to say (observability.e2e.test.ts).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { delivery, anOperatorAfter, firstBeats } from '#functions/operator/testing/harness.ts';
import { parsePrometheus } from '#shared/adapters/prometheus-text.ts';
import { ROOT } from './k8s/manifests.ts';
import { KNOWN_PORTS, OTHER_PORTS_FROM } from './local/addresses.ts';
import { readManifests } from './local/manifests/index.ts';

const read = (name: string): unknown =>
  parse(readFileSync(join(ROOT, 'observability', name), 'utf8'));

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}
interface Scrape {
  readonly scrape_configs: readonly {
    readonly static_configs?: readonly {
      readonly targets: readonly string[];
      readonly labels: Readonly<Record<string, string>>;
    }[];
    readonly relabel_configs?: readonly { readonly target_label?: string }[];
  }[];
}
interface RuleTests {
  readonly tests: readonly {
    readonly input_series: readonly { readonly series: string }[];
    readonly alert_rule_test: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}

const alerts = (read('alerts.yaml') as { groups: { rules: Alert[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);
const { tests } = read('alerts.test.yaml') as RuleTests;
const local = (read('prometheus.yaml') as Scrape).scrape_configs.flatMap((job) =>
  (job.static_configs ?? []).flatMap(({ targets, labels }) =>
    targets.map((target) => ({ target, labels })),
  ),
);
const onCluster = (read('prometheus-cluster.yaml') as Scrape).scrape_configs.flatMap((job) =>
  (job.relabel_configs ?? []).flatMap(({ target_label: label }) => label ?? []),
);

/** Labels that whatever is scraped gets in both places, beside those of Prometheus itself. */
const given = new Set([
  ...['job', 'instance'],
  ...onCluster.filter((label) => local.every(({ labels }) => label in labels)),
]);

/** Name → label → values, of an operator that has watched a target and was sent a dead letter. */
async function exported(): Promise<Map<string, Map<string, Set<string>>>> {
  const app = await anOperatorAfter(60);
  await app.request(delivery(firstBeats(1)[0]!, '/dead-letters'));
  const names = new Map<string, Map<string, Set<string>>>();
  const text = await (await app.request('/metrics')).text();
  for (const { name, labels } of parsePrometheus(text, () => true)) {
    const known = names.get(name) ?? new Map<string, Set<string>>();
    names.set(name, known);
    for (const [label, value] of Object.entries(labels)) {
      known.set(label, (known.get(label) ?? new Set()).add(value));
    }
  }
  return names;
}

interface Selector {
  readonly metric: string;
  readonly matchers: readonly { label: string; operator: string; value: string }[];
}

/** What a PromQL expression selects, and the labels that it groups or joins by. */
function selected(expr: string): { selectors: Selector[]; grouped: string[] } {
  const grouped = [...expr.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)].flatMap(
    ([, labels = '']) => labels.split(/\s*,\s*/),
  );
  const bare = expr.replaceAll(/\b(?:by|on|without|ignoring)\s*\([^)]*\)/g, ' ');
  const selectors = [...bare.matchAll(/([a-zA-Z_:][\w:]*)(\s*\()?(?:\{([^}]*)\})?/g)]
    .filter(([, name = '', call]) => call === undefined && !WORDS.has(name))
    .map(([, metric = '', , inside = '']) => ({
      metric,
      matchers: [...inside.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(
        ([, label = '', operator = '', value = '']) => ({ label, operator, value }),
      ),
    }));
  return { selectors, grouped };
}

/** Of PromQL itself: operators, aggregations before their `by`, units of durations behind their number. */
const WORDS = new Set([
  'and',
  'or',
  'unless',
  'bool',
  'offset',
  'sum',
  'max',
  'min',
  'h',
  'm',
  's',
]);

const names = await exported();

test('what stands between words, brackets and durations is taken for a metric', () => {
  const expr =
    'sum by (a, b) (rate(one{x="1",y=~"2|3"}[5m])) / on (c) two offset 1h > 14.4 * three';
  expect(selected(expr)).toEqual({
    grouped: ['a', 'b', 'c'],
    selectors: [
      {
        metric: 'one',
        matchers: [
          { label: 'x', operator: '=', value: '1' },
          { label: 'y', operator: '=~', value: '2|3' },
        ],
      },
      { metric: 'two', matchers: [] },
      { metric: 'three', matchers: [] },
    ],
  });
});

test.each(alerts)('$alert asks for metrics and labels that are exported', ({ expr }) => {
  const { selectors, grouped } = selected(expr);
  expect(selectors.length).toBeGreaterThan(0);
  const labels = new Set(given);
  for (const { metric, matchers } of selectors) {
    const own = names.get(metric);
    expect(own, `${metric} is exported`).toBeDefined();
    for (const label of own?.keys() ?? []) labels.add(label);
    for (const { label, operator, value } of matchers) {
      expect(labels, `${metric} has ${label}`).toContain(label);
      // A state is exported with every value; of others the value may come later.
      if (operator === '=') expect(own?.get(label), `${label} of ${metric}`).toContain(value);
    }
  }
  for (const label of grouped) expect(labels).toContain(label);
});

test.each(alerts)('$alert shows labels that it has', ({ expr, annotations }) => {
  const { selectors, grouped } = selected(expr);
  const of = (metric: string): string[] => [...(names.get(metric)?.keys() ?? [])];
  const has = /^(sum|absent)\b/.test(expr) ? grouped : selectors.flatMap((each) => of(each.metric));
  const shown = Object.values(annotations)
    .join(' ')
    .matchAll(/\$labels\.(\w+)/g);
  for (const [, label] of shown) expect(has).toContain(label);
});

test.each(alerts)(
  '$alert says what to type next, and is tested where it fires and where not',
  (one) => {
    expect(one.annotations['description']).toMatch(/Next\b.*: `.+`/s);
    const cases = tests.flatMap((each) => each.alert_rule_test);
    const own = cases.filter(({ alertname }) => alertname === one.alert);
    expect(own.some(({ exp_alerts: expected }) => expected.length > 0)).toBe(true);
    expect(own.some(({ exp_alerts: expected }) => expected.length === 0)).toBe(true);
  },
);

test('the tests of the alerts are fed with metrics and labels that are exported, in full', () => {
  for (const { series } of tests.flatMap((each) => each.input_series)) {
    const [{ metric, matchers } = { metric: '', matchers: [] }] = selected(series).selectors;
    const own = new Set([...(names.get(metric)?.keys() ?? [])]);
    const labels = matchers.map(({ label }) => label).filter((label) => !given.has(label));
    expect(new Set(labels), series).toEqual(own);
  }
});

test('the local loop is scraped where it listens, but for who sleeps at zero and who is many', () => {
  const { services } = readManifests(join(ROOT, 'knative'));
  let next = OTHER_PORTS_FROM;
  const listening = services.map(({ name, scale }) => {
    const port = KNOWN_PORTS[name] ?? next++;
    return { name, at: `${name} localhost:${String(port)}`, awake: scale.min > 0 };
  });
  const expected = listening.filter(({ name, awake }) => awake && name !== 'consumer-workload');

  expect(local.map(({ target, labels }) => `${labels['function'] ?? ''} ${target}`).sort()).toEqual(
    expected.map(({ at }) => at).sort(),
  );
});
