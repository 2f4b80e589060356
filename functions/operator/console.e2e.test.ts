// The console in a real browser, during a spike. The world is simulated, so that each question has one
// right answer; the operator, its API, the stream and the page are the real ones.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { UnknownEvent } from '#shared/events/index.ts';
import { listenTo, type Running } from '#shared/runtime/serve.ts';
import { boxesOf, builtPage, launched, seriousFindings } from './testing/browser.ts';
import { anOperator, delivery } from './testing/harness.ts';
import { session } from './testing/session.ts';
import type { DecisionRecord, TargetView } from './view.ts';

const PICTURES = fileURLToPath(new URL('../../dist/screenshots/', import.meta.url));
const BEATS = 53; // the spike begins at the 48th
const DESKTOP = { viewport: { width: 1360, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };

let running: Running;
let browser: Browser;
let base: string;
let live: ReturnType<typeof session>;
/** The operator's clock stands still between beats: what it says does not depend on how long a test takes. */
let nowMs = Date.now();
const load = { state: 'idle', started: [] as unknown[] };

const loadGenerator = {
  send(_method: string, path: string, body?: unknown): Promise<Response> {
    if (path === '/load/generate') {
      load.started.push(body);
      load.state = 'running';
    }
    if (path === '/load/stop') load.state = 'stopped';
    const series = [0, 20, 40, 60].map((tSeconds) => ({ tSeconds, perSecond: tSeconds * 10 }));
    const preview = { durationSeconds: 60, requests: 18_000, peakPerSecond: 600, series };
    return Promise.resolve(
      Response.json(path === '/load/preview' ? preview : { state: load.state }),
    );
  },
};

beforeAll(async () => {
  live = session(nowMs - BEATS * 5000 - 1000, 3);
  const past = Array.from({ length: BEATS }, () => live.next().value).flat();
  const page = await builtPage();
  const eventLog = {
    replay(take: (event: UnknownEvent, atMs: number) => void): Promise<void> {
      for (const { event, atMs } of past) take(event, atMs);
      return Promise.resolve();
    },
  };
  const policies = { list: () => Promise.resolve([]), suspend: () => Promise.resolve() };
  const spec = anOperator({ nowMs: () => nowMs, eventLog, loadGenerator, policies, page });
  running = await listenTo(spec, { port: 0, host: '127.0.0.1', logLevel: 'silent' });
  base = `http://127.0.0.1:${String(running.port)}`;
  browser = await launched();
  await mkdir(PICTURES, { recursive: true });
});
afterAll(async () => {
  await browser.close();
  await running.stop();
});

const complaintsOf = new WeakMap<Page, string[]>();

/** Closes a page; anything the browser complained of fails the test. */
async function leave(page: Page): Promise<void> {
  expect(complaintsOf.get(page)).toEqual([]);
  await page.context().close();
}

/** Opens the console and waits until it shows decisions. */
async function open(options: BrowserContextOptions = DESKTOP, query = ''): Promise<Page> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  complaintsOf.set(page, complaints);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(`${base}/${query}`);
  await page.locator('.decision-list li').first().waitFor();
  return page;
}

const ask = async <T>(path: string): Promise<T> => (await (await fetch(base + path)).json()) as T;

/** The next beat of the session, as the broker would deliver it. */
async function beat(): Promise<void> {
  nowMs += 5000;
  for (const { event } of live.next().value) {
    const { headers, method } = delivery(event);
    await fetch(base, { method, headers, body: JSON.stringify(event) });
  }
}

/** The decision that the page's address links to. */
const linked = (page: Page): string | null => new URL(page.url()).searchParams.get('decision');

test('during a spike the first screen answers all four questions', async () => {
  const page = await open();
  const [target] = await ask<TargetView[]>('/api/targets');
  const headline = page.locator('#headline');
  const [box] = await boxesOf(page, '#headline');
  expect(box?.bottom).toBeLessThan(450); // no scrolling, no searching

  // Is everything all right?
  expect(await headline.locator('.state').textContent()).toMatch(/^(Acting|SLO violated)$/);
  // What is it doing now?
  expect(await headline.locator('h1').textContent()).toBe(target?.sentence);
  expect(target?.sentence).toMatch(/\d+ pods?( and \d+ starting)? for \d+ req\/s/);
  // Why?
  expect(await headline.locator('.why').textContent()).toMatch(/Adding \d+.*: demand/);
  // What would HPA have done?
  expect(await headline.locator('.hpa-says').textContent()).toMatch(
    /HPA would have \d+ pods now, \d+ fewer/,
  );
  await page.screenshot({ path: join(PICTURES, 'first-screen.png') });
  await leave(page);
});

test('a decision says why this number of pods and not one fewer or one more', async () => {
  const page = await open();
  const records = await ask<DecisionRecord[]>('/api/decisions?limit=60');
  const weighed = records.find(
    ({ options, to, from }) => from !== to && options.some((o) => o.replicas === to - 1),
  );
  await page.locator(`[data-id="${weighed?.id ?? ''}"]`).click();
  const detail = page.locator('#detail');
  expect(await detail.locator('h3').first().textContent()).toBe(
    `${String(weighed?.from)} → ${String(weighed?.to)} pods`,
  );
  expect(await detail.locator('tr.chosen th').textContent()).toContain(String(weighed?.to));
  const numbers = await detail.locator('tr.chosen td').allTextContents();
  const [cost, risk, sum] = numbers.slice(1, 4).map(Number);
  expect((cost ?? 0) + (risk ?? 0)).toBeCloseTo(sum ?? 0, 0);
  expect(await detail.textContent()).toContain(`${String((weighed?.to ?? 0) - 1)} pods would save`);
  await expect.poll(() => linked(page)).toBe(weighed?.id);

  const again = await open(DESKTOP, new URL(page.url()).search);
  expect(await again.locator('#detail h3').first().textContent()).toBe(
    await detail.locator('h3').first().textContent(),
  );
  await leave(again);
  await leave(page);
});

test.each([390, 1360])('the picture of a decision is readable %i pixels wide', async (width) => {
  const page = await open({ viewport: { width, height: 900 } });
  const smallest = async (): Promise<number> => {
    const heights = (await boxesOf(page, '#detail .strip text')).map(({ height }) => height);
    return heights.length === 0 ? 0 : Math.min(...heights);
  };
  await expect.poll(smallest).toBeGreaterThan(10);
  await leave(page);
});

test('what happens arrives by itself, and nothing is missing after a lost connection', async () => {
  const page = await open();
  const newest = page.locator('.decision-list button').first();
  const shown = await newest.getAttribute('data-id');
  for (let n = 0; n < 12; n++) await beat();
  await expect.poll(() => newest.getAttribute('data-id')).not.toBe(shown);

  await page.context().setOffline(true);
  for (let n = 0; n < 24; n++) await beat();
  await page.context().setOffline(false);
  const ids = (await ask<DecisionRecord[]>('/api/decisions?limit=200')).map(({ id }) => id);
  const onPage = (): Promise<(string | null)[]> =>
    page
      .locator('.decision-list button')
      .evaluateAll((all) => all.map((each) => each.getAttribute('data-id')));
  await expect.poll(onPage).toEqual(ids);
  await page.context().close();
});

test('everything can be done by keyboard', async () => {
  const page = await open();
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(
    'Skip to the decisions',
  );
  await page.locator('.decision-list button').nth(2).focus();
  await page.keyboard.press('Enter');
  const chosen = await page.locator('.decision-list button').nth(2).getAttribute('data-id');
  await expect.poll(() => linked(page)).toBe(chosen);

  await page.locator('#charts > .plot').focus();
  const [at, demand] = [0, 1].map((n) => page.locator('#charts > .keys li b').nth(n));
  const newest = await at?.textContent();
  const before = await demand?.textContent();
  for (let n = 0; n < 30; n++) await page.keyboard.press('ArrowLeft');
  await expect.poll(() => demand?.textContent()).not.toBe(before);
  expect(newest).toMatch(/\d\d:\d\d:\d\d UTC/);
  expect(await at?.textContent()).not.toBe(newest); // whose value it is

  await page.locator('#charts summary').focus();
  await page.keyboard.press('Enter');
  await page.locator('#charts tbody tr').nth(40).waitFor();
  await leave(page);
});

test('where the system forces its colours, cost and risk stay two bars and the choice is marked', async () => {
  const page = await open({ ...DESKTOP, forcedColors: 'active' });
  const look = (selector: string): Promise<Record<string, string>> =>
    page
      .locator(selector)
      .first()
      .evaluate((each) => {
        const { backgroundColor, backgroundImage, outlineStyle } = getComputedStyle(each);
        return { backgroundColor, backgroundImage, outlineStyle };
      });
  const background = (await look('body'))['backgroundColor'];
  expect((await look('.stack .cost'))['backgroundColor']).not.toBe(background);
  expect((await look('.swatch.cost'))['backgroundColor']).not.toBe(background);
  expect((await look('.stack .risk'))['backgroundImage']).toContain('gradient');
  expect((await look('.decision-list [aria-current=true]'))['outlineStyle']).toBe('solid');
  await leave(page);
});

test('load is drawn before it starts, and started and stopped by its buttons', async () => {
  const page = await open();
  const section = page.locator('#load');
  await section.getByText('18,000 requests').waitFor();
  expect(await section.locator('canvas').count()).toBe(1);
  await section.getByRole('button', { name: 'Start load' }).click();
  await expect.poll(() => load.started.length).toBe(1);
  expect(load.started[0]).toMatchObject({ pattern: 'spike', target: 'http', intensity: 75 });
  await section.getByRole('button', { name: 'Stop load' }).click();
  await expect.poll(() => load.state).toBe('stopped');
  await leave(page);
});

test('the kill switch asks once and says what it does', async () => {
  const page = await open();
  await page.getByRole('button', { name: 'Stop…' }).click();
  const dialog = page.getByRole('dialog');
  expect(await dialog.textContent()).toContain('writes nothing more');
  await dialog.getByRole('button', { name: /^Freeze/ }).click();
  await expect.poll(() => page.locator('#live').textContent()).toContain('freeze');
  await expect
    .poll(() => page.locator('#switch').innerText())
    .toContain('asked: freeze, with the next beat');
  await leave(page);
});

test.each<[name: string, options: BrowserContextOptions]>([
  ['light', { ...DESKTOP, colorScheme: 'light' }],
  ['dark', { ...DESKTOP, colorScheme: 'dark' }],
  ['phone', { ...PHONE, colorScheme: 'light' }],
  ['phone-dark', { ...PHONE, colorScheme: 'dark' }],
])('no serious finding of axe-core, no sideways scrolling: %s', async (name, options) => {
  const page = await open(options);
  expect(await seriousFindings(page)).toEqual([]);
  const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(width).toBeLessThanOrEqual(0);
  await page.screenshot({ path: join(PICTURES, `console-${name}.png`), fullPage: true });
  await leave(page);
});

test('the script is at most 60 KB compressed', async () => {
  const script = Buffer.from(await (await fetch(`${base}/main.js`)).arrayBuffer());
  expect(gzipSync(script).byteLength).toBeLessThanOrEqual(60 * 1024);
});
