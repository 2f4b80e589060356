import { expect, test } from 'vitest';
import { scenariosFor } from './plan.ts';
import type { Grade } from './telemetry.ts';

test.each<[startups: number[], telemetry: Grade[], rows: string[]]>([
  [
    [30, 90],
    ['2s', '15s', 'cpu'],
    ['30s 2s', '30s 15s', '30s cpu', '90s 2s'],
  ],
  [[90], ['15s'], ['90s 15s']],
  [[30, 90], ['15s'], ['30s 15s', '90s 15s']],
  [[10], ['2s', 'cpu'], ['10s 2s', '10s cpu']],
])('start-ups %j and telemetry %j: each of them has a row', (startups, telemetry, rows) => {
  const common = { traces: ['t.csv'], seeds: 1, quick: true, onlyPeer: null };
  const ids = scenariosFor({ ...common, startups, telemetry }).map(({ id }) => id);
  expect(ids.filter((id) => id !== 'floor')).toEqual(rows.map((row) => `rough ${row} s20 none`));
});
