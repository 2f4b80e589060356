import { expect, test } from 'vitest';
import { jsonPatch, mergePatch, strategicMerge } from './patch.ts';

// The examples of RFC 7386, appendix A.
test.each<[target: unknown, patch: unknown, result: unknown]>([
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])('merge patch: %j with %j is %j', (target, patch, result) => {
  expect(mergePatch(target, patch)).toEqual(result);
});

test.each<[name: string, patch: unknown[], result: unknown]>([
  ['adds', [{ op: 'add', path: '/c', value: 1 }], { a: [1, 2], b: { 'x/y': 1 }, c: 1 }],
  ['appends', [{ op: 'add', path: '/a/-', value: 3 }], { a: [1, 2, 3], b: { 'x/y': 1 } }],
  ['inserts', [{ op: 'add', path: '/a/0', value: 0 }], { a: [0, 1, 2], b: { 'x/y': 1 } }],
  ['removes', [{ op: 'remove', path: '/a/1' }], { a: [1], b: { 'x/y': 1 } }],
  ['reads ~1 as /', [{ op: 'replace', path: '/b/x~1y', value: 2 }], { a: [1, 2], b: { 'x/y': 2 } }],
  ['moves', [{ op: 'move', from: '/b', path: '/c' }], { a: [1, 2], c: { 'x/y': 1 } }],
  [
    'finds null where nothing is',
    [{ op: 'test', path: '/z', value: null }],
    { a: [1, 2], b: { 'x/y': 1 } },
  ],
  ['copies', [{ op: 'copy', from: '/a/0', path: '/a/-' }], { a: [1, 2, 1], b: { 'x/y': 1 } }],
])('JSON patch %s', (_name, patch, result) => {
  expect(jsonPatch({ a: [1, 2], b: { 'x/y': 1 } }, patch)).toEqual(result);
});

test.each<[name: string, patch: unknown, code: number]>([
  ['a test that fails', [{ op: 'test', path: '/a', value: 2 }], 422],
  ['a test of what is there for nothing', [{ op: 'test', path: '/a', value: null }], 422],
  ['a test inside of what is not there', [{ op: 'test', path: '/z/y', value: null }], 422],
  ['a path that is not there', [{ op: 'remove', path: '/nope' }], 422],
  ['a position outside the list', [{ op: 'add', path: '/l/9', value: 1 }], 422],
  ['an unknown operation', [{ op: 'eat', path: '/a' }], 400],
  ['an operation that every object inherits', [{ op: 'constructor', path: '/a' }], 400],
  ['what every object inherits', [{ op: 'copy', from: '/constructor', path: '/b' }], 422],
  ['a way into all objects', [{ op: 'add', path: '/__proto__/x', value: 1 }], 422],
  ['no list', { op: 'add' }, 400],
])('JSON patch refuses %s', (_name, patch, code) => {
  expect(() => jsonPatch({ a: 1, l: [] }, patch)).toThrow(expect.objectContaining({ code }));
});

test.each([
  ['merge', mergePatch],
  ['strategic merge', strategicMerge],
])('%s patch takes __proto__ for a field like any other', (_kind, apply) => {
  const result = apply({ a: 1 }, JSON.parse('{"__proto__":{"b":2}}'));
  expect(Object.keys(result as object)).toEqual(['a', '__proto__']);
  expect(result).not.toHaveProperty('b');
});

test('a JSON patch that fails half way changes nothing', () => {
  const target = { a: 1 };
  const patch = [
    { op: 'replace', path: '/a', value: 2 },
    { op: 'test', path: '/a', value: 3 },
  ];
  expect(() => jsonPatch(target, patch)).toThrow();
  expect(target).toEqual({ a: 1 });
});

const pod = {
  containers: [
    { name: 'a', image: 'a:1', env: [{ name: 'X', value: '1' }] },
    { name: 'b', image: 'b:1' },
  ],
  finalizers: ['one'],
};

test('strategic merge finds containers and variables by name', () => {
  const patch = { containers: [{ name: 'a', env: [{ name: 'Y', value: '2' }] }] };
  expect(strategicMerge(pod, patch)).toEqual({
    ...pod,
    containers: [
      {
        name: 'a',
        image: 'a:1',
        env: [
          { name: 'X', value: '1' },
          { name: 'Y', value: '2' },
        ],
      },
      pod.containers[1],
    ],
  });
});

test('strategic merge understands its directives', () => {
  const patch = {
    '$deleteFromPrimitiveList/finalizers': ['one'],
    '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }],
    containers: [
      { name: 'a', $patch: 'delete' },
      { name: 'c', image: 'c:1' },
    ],
  };
  expect(strategicMerge(pod, patch)).toEqual({
    containers: [{ name: 'c', image: 'c:1' }, pod.containers[1]],
    finalizers: [],
  });
});

test('strategic merge keeps only the keys it is told to retain', () => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } };
  const patch = { $retainKeys: ['type'], type: 'Recreate' };
  expect(strategicMerge(strategy, patch)).toEqual({ type: 'Recreate' });
});
