import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileFilter, FilterItem } from './filters.ts';
import { stringAttributes } from './routes.ts';
import type { Filter } from './types.ts';

const event = { type: 'io.nimbusguard.decision.made.v1', source: '/nimbusguard/decider', n: '1' };
const yes: Filter = { exact: { n: '1' } };
const no: Filter = { exact: { n: '2' } };

test.each<[what: string, filter: Filter, matches: boolean]>([
  ['exact on the whole value', { exact: { type: event.type } }, true],
  ['exact is no prefix', { exact: { type: 'io.nimbusguard' } }, false],
  ['several attributes are all wanted', { exact: { n: '1', source: 'x' } }, false],
  ['prefix', { prefix: { type: 'io.nimbusguard.' } }, true],
  ['prefix elsewhere', { prefix: { type: 'nimbusguard' } }, false],
  ['suffix', { suffix: { type: '.v1' } }, true],
  ['a missing attribute', { exact: { subject: 'x' } }, false],
  ['a missing attribute has no prefix', { prefix: { subject: '' } }, false],
  ['all', { all: [yes, yes] }, true],
  ['all with one against', { all: [yes, no] }, false],
  ['any', { any: [no, yes] }, true],
  ['any with none for', { any: [no, no] }, false],
  ['not', { not: no }, true],
  ['not of a missing attribute', { not: { exact: { subject: 'x' } } }, true],
  ['no condition at all', { all: [] }, true],
])('filter: %s', (_what, filter, matches) => {
  expect(compileFilter(filter)(event)).toBe(matches);
});

const attributes = fc.dictionary(
  fc.constantFrom('type', 'source', 'subject', 'n'),
  fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 4 }),
  { minKeys: 1, noNullPrototype: true },
);
const { filter: anyFilter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4 },
    fc.record({ exact: attributes }),
    fc.record({ prefix: attributes }),
    fc.record({ suffix: attributes }),
    fc.record({ all: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie('filter') }),
  ),
}));

test('filters keep the laws of logic for any event', () => {
  fc.assert(
    fc.property(anyFilter, anyFilter, attributes, (a, b, of) => {
      const is = (filter: Filter) => compileFilter(filter)(of);
      expect(is({ not: a })).toBe(!is(a));
      expect(is({ all: [a, b] })).toBe(is(a) && is(b));
      expect(is({ any: [a, b] })).toBe(is(a) || is(b));
      expect(is({ not: { any: [a, b] } })).toBe(is({ all: [{ not: a }, { not: b }] }));
    }),
    { numRuns: 300 },
  );
});

test('exact implies prefix and suffix for any event', () => {
  fc.assert(
    fc.property(attributes, attributes, (wanted, of) => {
      if (!compileFilter({ exact: wanted })(of)) return;
      expect(compileFilter({ prefix: wanted })(of)).toBe(true);
      expect(compileFilter({ suffix: wanted })(of)).toBe(true);
    }),
  );
});

test('every filter that can be made is accepted as YAML would give it', () => {
  fc.assert(
    fc.property(anyFilter, (filter) => {
      expect(FilterItem.parse(JSON.parse(JSON.stringify(filter)))).toEqual(filter);
    }),
  );
});

test('a filter sees extensions and numbers as text, and never the data', () => {
  expect(stringAttributes({ type: 't', sequence: 4, ok: true, data: 1, gone: undefined })).toEqual({
    type: 't',
    sequence: '4',
    ok: 'true',
  });
});
