import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { openCache } from './cache.ts';
import { DEFAULT_CONDITION } from './condition.ts';
import type { Contender } from './contender.ts';
import { createRunner, type Job, type JobResult } from './job.ts';
import { runJobs } from './pool.ts';
import { synthesize } from './synthetic.ts';
import { readTrace } from './trace.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
vi.setConfig({ testTimeout: 90_000 }); // processes and workers start slowly on a busy machine

const folder = mkdtempSync(join(tmpdir(), 'replay-'));
const HOURS = 6;

const tracePath = join(folder, 'morning.csv');
const { rps } = synthesize('daily', 1, 1);
writeFileSync(
  tracePath,
  ['t_s,rps', ...Array.from(rps.slice(360, 360 + HOURS * 60), (r, i) => `${i * 60},${r}`)].join(
    '\n',
  ),
);

const policyFile = (file: string, bars: string, spec = '', name = 'shop'): string => {
  const path = join(folder, file);
  const lines = [
    'kind: ScalingPolicy',
    `metadata: { name: ${name} }`,
    'spec:',
    '  targetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }',
    `  ${spec}`,
    '---',
    `replay: { bars: ${bars} }`,
  ];
  writeFileSync(path, lines.join('\n'));
  return path;
};

const replay = (policy: string, trace = tracePath) =>
  spawnSync(
    process.execPath,
    [here('./main.ts'), '--trace', trace, '--policy', policy, '--out', join(folder, 'out')],
    { encoding: 'utf8', cwd: folder, timeout: 60_000 },
  );

test('bars that hold: the table, a report of both kinds, exit code 0', () => {
  const bars = '{ violatingMinutesPercent: 100, lateRequestsPercent: 100, replicaHoursOverHpa: 5 }';
  const { status, stdout } = replay(policyFile('easy.yaml', bars));
  expect(stdout).toMatch(/HPA-70 .*\n.*KEDA-70 .*\n.*KPA-70/);
  expect(status).toBe(0);
  const report = JSON.parse(readFileSync(join(folder, 'out/report.json'), 'utf8')) as {
    traces: { contender: string; replicaHours: number }[];
    equal: { peer: string }[];
  };
  expect(report.traces.every((row) => row.replicaHours > 0)).toBe(true);
  const html = readFileSync(join(folder, 'out/report.html'), 'utf8');
  const order = ['>controller<', '>bar<', 'At equal cost', '<svg', 'Where another autoscaler wins'];
  const places = order.map((words) => html.indexOf(words));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places[0]).toBeGreaterThan(0);
  expect(report.equal.map(({ peer }) => peer)).toEqual(['HPA-70', 'KEDA-70', 'KPA-70']);
  expect(html).not.toMatch(/https?:|<script/);
});

test("late is what the policy's SLO says is late", () => {
  const late = (milliseconds: number): number => {
    const spec = `slo: { latencyMilliseconds: ${milliseconds} }`;
    replay(policyFile(`slo-${milliseconds}.yaml`, '{}', spec));
    const report = JSON.parse(readFileSync(join(folder, 'out/report.json'), 'utf8')) as {
      traces: { contender: string; latePct: number }[];
    };
    return report.traces.find(({ contender }) => contender === 'HPA-70')?.latePct ?? Number.NaN;
  };
  expect(late(200)).toBeGreaterThan(5 * late(500));
});

test('a bar that is missed: exit code 1, and the table says which', () => {
  // Named as the bench names a scenario of its own.
  const policy = policyFile('hard.yaml', '{ replicaHoursOverHpa: 0.01 }', '', 'floor');
  const { status, stdout } = replay(policy);
  expect(stdout).toMatch(/replica-hours over HPA's.*MISSED/);
  expect(status).toBe(1);
});

test('a policy that contradicts itself: one line, exit code 2', () => {
  const { status, stderr } = replay(policyFile('bad.yaml', '{}', 'minReplicas: 99'));
  expect(stderr).toMatch(/error: .*minReplicas must not be above maxReplicas/);
  expect(status).toBe(2);
});

test('a trace too short to replay: one line without a stack, exit code 2', () => {
  const short = join(folder, 'short.csv');
  writeFileSync(short, 't_s,rps\n0,5\n60,6\n120,7');
  const { status, stderr } = replay(policyFile('short.yaml', '{}'), short);
  expect(stderr).toMatch(/^error: .*short: 180 s long; a replay needs 600 s/m);
  expect(stderr).not.toMatch(/^ +at /m);
  expect(status).toBe(2);
});

const command = (script: string, args: readonly string[]) =>
  spawnSync(process.execPath, [here(script), ...args], {
    encoding: 'utf8',
    cwd: folder,
    timeout: 60_000,
  });

const inFolder = (name: string, content: string | Buffer): string => {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
};
const shortFolder = dirname(inFolder('short/short.csv', 't_s,rps\n0,5\n60,6\n'));
const cut = inFolder('cut.csv.gz', gzipSync(readFileSync(tracePath)).subarray(0, 200));
const empty = dirname(inFolder('empty/readme.txt', 'no trace'));
const twins = dirname(inFolder('twins/web.csv', readFileSync(tracePath)));
inFolder('twins/web.csv.gz', gzipSync(readFileSync(tracePath)));
const good = dirname(inFolder('good/morning.csv', readFileSync(tracePath)));
const bench = './bench.ts';
const convert = './convert.ts';
const out = ['--out', join(folder, 'o.csv')];
const counts = inFolder('counts.csv', 'timestamp,value\n0,300\n300,600\n600,300\n');

test.each<[what: string, script: string, args: string[], message: RegExp]>([
  [
    'a trace for a policy',
    './main.ts',
    ['--trace', folder, '--policy', tracePath],
    /document: .*expected object/,
  ],
  [
    'replay with a folder for a policy',
    './main.ts',
    ['--policy', folder, '--trace', tracePath],
    /: a file is needed, this is a directory$/,
  ],
  ['replay of nothing', './main.ts', ['--trace', tracePath], /--policy FILE is needed/],
  ['bench without traces', bench, [], /--traces DIR is needed/],
  ['bench of a folder without traces', bench, ['--traces', empty], /no \*\.csv\[\.gz\] in/],
  [
    'bench of a trace too short',
    bench,
    ['--traces', shortFolder],
    /short: 120 s long; a replay needs 600 s/,
  ],
  [
    'a trace beside its packed copy',
    bench,
    ['--traces', twins],
    /web\.csv and web\.csv\.gz: two traces with the name "web"$/,
  ],
  [
    'no seeds',
    bench,
    ['--traces', good, '--seeds', '0'],
    /--seeds must be a whole number from 1 to 100/,
  ],
  [
    'no such peer',
    bench,
    ['--traces', good, '--only', 'VPA'],
    /--only VPA: neither a trace .* HPA-70, .*textbook-Q$/,
  ],
  [
    'no start-up time',
    bench,
    ['--traces', good, '--startup', '0'],
    /--startup: each must be seconds from 1 to 600/,
  ],
  [
    'a report that would be a file',
    bench,
    ['--traces', good, '--out', tracePath],
    /cannot write there \(it is a file\)$/,
  ],
  ['no such option', bench, ['--traces', good, '--seed', '1'], /Unknown option '--seed'/],
  [
    'gzip cut in half',
    convert,
    ['--from', 'csv', '--in', cut, ...out],
    /damaged gzip data \(unexpected end/,
  ],
  [
    'a log that is cut',
    convert,
    ['--from', 'nginx-log', '--in', cut, ...out],
    /damaged gzip data \(unexpected end/,
  ],
  ['a log that is a folder', convert, ['--from', 'nginx-log', '--in', folder, ...out], /directory/],
  [
    'results where the file system makes no folder',
    bench,
    ['--traces', good, '--quick', '--out', '/proc/nimbusguard/bench'],
    /\/proc\/nimbusguard\/bench: cannot write there/,
  ],
  ['training with a typing error', '../train.ts', ['--sede', '2'], /Unknown option '--sede'/],
  ['training into nowhere', '../train.ts', ['--out', `${tracePath}/prior`], /cannot write there/],
  [
    'counts of other intervals than --step says',
    convert,
    ['--from', 'csv', '--unit', 'count', '--in', counts, ...out],
    /counts\.csv: rows of counts are 300 s apart, and --step is 60$/,
  ],
  [
    'a folder to convert',
    convert,
    ['--from', 'csv', '--in', folder, ...out],
    /this is a directory/,
  ],
  [
    'no such format',
    convert,
    ['--from', 'xml', '--in', cut, ...out],
    /--from must be prometheus, nginx-log, csv or synthetic/,
  ],
  [
    'no such shape',
    convert,
    ['--from', 'synthetic', '--shape', 'dayly', ...out],
    /--shape must be daily, .* \(got "dayly"\)/,
  ],
])('%s: one clear error, no stack, exit code 2', (_what, script, args, message) => {
  const { status, stderr } = command(script, args);
  expect(stderr.trim()).toMatch(message);
  expect(stderr).toMatch(/^error: [^\n]+\n$/);
  expect(status).toBe(2);
});

test.each([['plain'], ['gzip']])('a log comes through a pipe, %s', (how) => {
  const second = (i: number): string => String(i % 60).padStart(2, '0');
  const line = (i: number): string =>
    `10.0.0.1 - - [05/Jan/2026:00:${second(Math.floor(i / 60))}:${second(i)} +0000] "GET /" 200 5`;
  const log = Buffer.from(Array.from({ length: 600 }, (_, i) => line(i)).join('\n'));
  const path = inFolder(`${how}.log`, how === 'gzip' ? gzipSync(log) : log);
  const piped = 'cat "$0" | "$1" "$2" --from nginx-log --in /dev/stdin --out "$3"';
  const given = [path, process.execPath, here(convert), join(folder, 'o.csv')];
  const { status, stdout } = spawnSync('sh', ['-c', piped, ...given], { encoding: 'utf8' });
  expect(stdout).toContain('10 intervals of 60 s');
  expect(readFileSync(join(folder, 'o.csv'), 'utf8')).toMatch(/^t_s,rps\n0,1\n60,1\n/);
  expect(status).toBe(0);
});

test('a synthetic trace becomes a file, and what no trace of rates can hold is said to be left out', () => {
  const path = join(folder, 'made-up.csv');
  const given = ['--from', 'synthetic', '--shape', 'outage', '--seed', '7', '--days', '3'];
  const { status, stdout, stderr } = command(convert, [...given, '--out', path]);
  expect(stdout).toContain('4320 intervals of 60 s, 3.00 days');
  expect(stderr).toContain('its failing requests are no part of a trace of rates');
  expect(status).toBe(0);
  const { rps } = readTrace(path);
  const made = synthesize('outage', 7, 3).rps;
  expect(rps.every((rate, i) => Math.abs(rate - made[i]!) < 1e-3)).toBe(true);
});

const job = (contender: Contender): Job => ({
  tracePath,
  seed: 1,
  condition: DEFAULT_CONDITION,
  contender,
  timeline: false,
});
const jobs = [
  job({ kind: 'peer', name: 'KPA-70' }),
  job({ kind: 'ours', k0: 13, prior: 'shipped' }),
  job({ kind: 'ours', k0: 13, prior: 'shipped', over: 'HPA-70' }),
];
const timeless = (result: JobResult): JobResult => ({ ...result, tookMs: 0 });

test('a run on a worker thread is the run in this one, and the cache gives it back', async () => {
  const run = createRunner();
  const cache = openCache(join(folder, 'cache'));
  const results: JobResult[] = [];
  await runJobs(jobs, {
    workers: 2,
    onResult(index, result) {
      results[index] = result;
      cache.put(jobs[index]!, result);
    },
  });
  jobs.forEach((each, i) => {
    expect(timeless(results[i]!)).toEqual(timeless(run(each)));
    expect(openCache(join(folder, 'cache')).get(each)).toEqual(results[i]);
  });
  expect(cache.get({ ...jobs[0]!, seed: 2 })).toBe(null);
});

test.each([[''], ['{"days":'], ['{}'], ['null'], ['{"days":[]}']])(
  'a damaged entry of the cache is run again: %j',
  (content) => {
    const path = join(folder, `cache-${content.length}`);
    const cache = openCache(path);
    const day = { minutes: 1 } as JobResult['days'][number];
    cache.put(jobs[0]!, { days: [day], seconds: 60 } as JobResult);
    expect(cache.get(jobs[0]!)).toMatchObject({ seconds: 60 });
    for (const name of readdirSync(path)) writeFileSync(join(path, name), content);
    expect(cache.get(jobs[0]!)).toBe(null);
  },
);

test('a worker that fails ends the bench with the run that failed', async () => {
  const missing = { ...jobs[0]!, tracePath: join(folder, 'none.csv') };
  await expect(runJobs([missing], { onResult: () => undefined })).rejects.toThrow(/none\.csv/);
});

const IMPORT = /\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"`]([^'"`]+)/g;

/** What a file imports, in whichever way. */
const importsOf = (path: string): string[] =>
  [...readFileSync(path, 'utf8').matchAll(IMPORT)].map(([, one, other]) => one ?? other ?? '');

test('the core cannot reach the simulator: it imports nothing outside of shared, and that none of it', () => {
  const shared = here('../../shared');
  const sources = readdirSync(shared, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  expect(sources.length).toBeGreaterThan(60);
  for (const name of sources) {
    for (const target of importsOf(join(shared, name))) {
      expect(`${name} ${target}`).not.toMatch(/ .*scripts/);
      if (!name.startsWith('domain')) continue;
      expect(`${name} ${target}`).toMatch(/ (\.{1,2}\/|#shared\/)/);
    }
  }
});
