import { expect, test } from 'vitest';
import { DEFAULT_CONDITION, loadFor, settingsFor } from './condition.ts';
import { makeController } from './contender.ts';
import { PEERS } from './plan.ts';
import { simulate } from './simulate.ts';
import { synthesize } from './synthetic.ts';

const load = loadFor(synthesize('daily', 1, 1), { ...DEFAULT_CONDITION, days: 1 }, 1);
const settings = settingsFor(DEFAULT_CONDITION, load, 1);
const context = { condition: DEFAULT_CONDITION, load, settings, seed: 1, prior: undefined };
const make = (name: string) => makeController({ kind: 'peer', name }, context);

test.each([...PEERS, 'oracle', 'HPA-85-w0'])('%s is built by its name and runs', (name) => {
  const short = { ...load, seconds: 1800, scoreFrom: 0 };
  const { days } = simulate(short, settingsFor(DEFAULT_CONDITION, short, 1), make(name));
  expect(days[0]?.podSeconds).toBeGreaterThan(1800);
});

test.each(['HPA', 'HPA-0', 'HPA-170', 'HPA-70-x', 'KPA-70-w0', 'PHPA-XX-70', 'toString-70', ''])(
  'no such peer: "%s"',
  (name) => {
    expect(() => make(name)).toThrow(`no such peer: ${name}`);
  },
);
