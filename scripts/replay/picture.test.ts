import { expect, test } from 'vitest';
import { curvePicture, timelinePicture } from './picture.ts';
import type { MeanRow } from './report.ts';

const mean = (contender: string, violatingPct: number, relativeReplicaHours: number): MeanRow => ({
  contender,
  k0: null,
  violatingPct,
  latePct: 0,
  relativeReplicaHours,
  relativeReadyHours: relativeReplicaHours,
  transitPct: 0,
  changesPerDay: 0,
});

const textsOf = (svg: string) =>
  [...svg.matchAll(/<text x="([\d.-]+)" y="([\d.-]+)" [^>]*>([^<]*)</g)].map(([, x, y, words]) => ({
    x: Number(x),
    y: Number(y),
    words: words ?? '',
  }));

test('names of peers that lie close together do not cover each other', () => {
  const peers = [
    mean('HPA-70', 0.3, 1.2),
    mean('KEDA-70', 0.3, 1.2),
    mean('AWS-70', 0.29, 1.201),
    mean('far', 60, 2),
  ];
  const texts = textsOf(curvePicture('t', [], peers)).filter(({ words }) => /-70$/.test(words));
  const heights = texts.map(({ y }) => y).sort((a, b) => a - b);
  expect(heights).toHaveLength(3);
  expect(Math.min(...heights.slice(1).map((y, i) => y - (heights[i] ?? 0)))).toBeGreaterThan(10);
});

test('a trace may be called anything', () => {
  const timeline = { demand: [1], ready: [1], paid: [1], violating: [0] };
  const svg = timelinePicture('a" onload="b', [{ name: '<c>', timeline }]);
  expect(svg).toContain('aria-label="a&quot; onload=&quot;b: pods ready');
  expect(svg).not.toContain('<c>');
});

test('a timeline says how long it is', () => {
  const minutes = Array.from({ length: 2 * 1440 }, () => 1);
  const timeline = { demand: minutes, ready: minutes, paid: minutes, violating: minutes };
  const texts = textsOf(timelinePicture('t', [{ name: 'HPA-70', timeline }]));
  expect(texts.map(({ words }) => words).filter((words) => / h$/.test(words))).toEqual(
    [6, 12, 18, 24, 30, 36, 42, 48].map((hours) => `${hours} h`),
  );
});

test('the marks of the axis lie in the picture, and one is at its lowest end', () => {
  const svg = curvePicture('t', [], [mean('HPA-70', 3, 1.2), mean('KPA-70', 0.04, 1.1)]);
  const marks = textsOf(svg).filter(({ words }) => words.endsWith(' %'));
  expect(marks.map(({ words }) => words)).toEqual(['0.01 %', '0.1 %', '1 %']);
  const lowest = textsOf(svg).find(({ words }) => words === '1.10 ×');
  expect(Math.max(...marks.map(({ y }) => y))).toBeLessThan(lowest?.y ?? 0);
  const coarse = curvePicture('t', [], [mean('HPA-70', 3, 1.2), mean('KPA-70', 0.4, 1.1)]);
  const words = textsOf(coarse).map((text) => text.words);
  expect(words.filter((word) => word.endsWith(' %'))).toEqual(['0.1 %', '1 %']);
});
